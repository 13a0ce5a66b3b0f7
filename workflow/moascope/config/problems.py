"""Problems of a configuration, all at once and in plain words.

Pydantic checks what belongs together only where every single value is right. So that users need
not correct one kind of mistake to see the next, wrong values are replaced here by others, only to
look further.
"""

from __future__ import annotations

import copy
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from moascope.config import renames
from moascope.core.options import NAME_PATTERN, Section, pass_over
from moascope.core.text.escaping import show
from moascope.core.text.suggestions import FEW_NAMES, nearest, unknown

Place = tuple[str | int, ...]

_ROUNDS = 4
# What sentences that compare sections depend on, by their beginning. A split is looked up by its
# name alone, which no other place has.
_DEPENDS_ON: dict[str, tuple[Place, ...]] = {
    "unknown split": (("splits", "any name"),),
    "unknown channel": (("input", "channels"),),
    "": (
        ("input", "channels"),
        ("input", "columns"),
        ("input", "brightfield"),
        ("splits",),
        ("segmentation",),
    ),
}
_KEY_PART = "[key]"  # how pydantic calls the name of an item


def check(raw: Mapping[str, Any], root: type[Section]) -> tuple[list[str], Section | None]:
    """Find everything that is wrong with a raw configuration.

    Parameters
    ----------
    raw : mapping
        Plain values, with text as keys.
    root : type
        The section that describes all of it.

    Returns
    -------
    problems : list of str
        A sentence per cause, which begins with the key; none if the configuration is right.
    read : Section or None
        The configuration; with defaults in the place of what is wrong, if something is, to look
        further for problems. None if a required value is missing.
    """
    search = _Search(raw, root)
    return search.problems(), search.read()


class _Search:
    """Rounds of checking and correcting one raw configuration."""

    def __init__(self, raw: Mapping[str, Any], root: type[Section]) -> None:
        self.root = root
        self.raw: Any = copy.deepcopy(raw)
        self.found: dict[tuple[Place, str], str] = {}
        self.defaulted: list[Place] = []  # where a wrong value gave way to the default
        self.is_complete = self._correct()

    def problems(self) -> list[str]:
        """Return the sentences, equal ones of several places as one."""
        if self.is_complete:
            # A section was not checked in the first round if one within it was wrong.
            levels = _levels(self.root)
            for level in range(1, levels[self.root] + 1):
                self._check(lambda section, level=level: levels[type(section)] != level)
        return _grouped(list(self.found.values()))

    def read(self) -> Section | None:
        """Return the corrected configuration, even if its values do not go together."""
        try:
            with pass_over(lambda section: True):
                return self.root.model_validate(self.raw)
        except ValidationError:
            return None

    def _correct(self) -> bool:
        """Check and correct single values until none is wrong; return whether that worked."""
        for _ in range(_ROUNDS):
            details = self._check(lambda section: False)
            single = [detail for detail in details if detail["type"] != "value_error"]
            if not single:
                return True
            if not self._replace(single):
                return False
        return False

    def _check(self, passes: Any) -> list[ErrorDetails]:
        try:
            with pass_over(passes):
                self.root.model_validate(self.raw)
        except ValidationError as error:
            details = error.errors()
        else:
            return []
        by_place: dict[Place, list[ErrorDetails]] = {}
        for detail in details:
            by_place.setdefault(self._place(detail), []).append(detail)
        for place, of_place in by_place.items():
            for sentence in _sentences(place, of_place, self.root):
                if not self._follows_from_correction(place, sentence, of_place):
                    self.found.setdefault((place, sentence), sentence)
        return details

    def _follows_from_correction(
        self, place: Place, sentence: str, details: Sequence[ErrorDetails]
    ) -> bool:
        """Return whether a problem may only be there because another was corrected."""
        if _lacks_key(details[0]):
            return any(place == known for known, _ in self.found) or place in self._renamed(details)
        if details[0]["type"] != "value_error":
            return False
        if place:  # the section of a value that was replaced
            return any(wrong[: len(place)] == place for wrong in self.defaulted)
        key, _, text = sentence.partition(": ")
        own: Place = tuple(key.split("."))
        start = next(start for start in _DEPENDS_ON if text.startswith(start))
        involved = (*_DEPENDS_ON[start], own if start else own[:2])
        return any(_is_related(wrong, place) for wrong in self.defaulted for place in involved)

    def _renamed(self, details: Sequence[ErrorDetails]) -> set[Place]:
        """Return the required keys that stand in the section under a similar name."""
        result = set()
        for detail in details:
            *parents, key = self._place(detail)
            given = _at(self.raw, parents)
            known = _keys_at(self.root, parents)
            others = [str(name) for name in given if str(name) not in known] if given else []
            if any(nearest(name, known, ratio=FEW_NAMES) == key for name in others):
                result.add((*parents, key))
        return result

    def _replace(self, details: Sequence[ErrorDetails]) -> bool:
        """Put something in the place of wrong values; return whether all could be replaced."""
        # Before anything is changed, since places are found in what is given.
        placed = [(detail, self._place(detail)) for detail in details]
        changed = all(
            place in self._renamed([detail]) for detail, place in placed if _lacks_key(detail)
        )
        for detail, wrong in placed:
            if _lacks_key(detail):
                continue
            mappings = (
                wrong[:length]
                for length in range(len(wrong), 0, -1)
                if isinstance(_at(self.raw, wrong[: length - 1]), Mapping)
            )
            place = next(mappings, ())
            if not place:
                return False
            *parents, key = place
            section = _at(self.raw, parents)
            if key not in section:  # replaced already
                continue
            new_key, value = _instead(detail, place, section, _keys_at(self.root, parents))
            if value is _DEFAULT:
                self.defaulted.append(place)
                del section[key]
            else:
                renamed = {new_key if k == key else k: v for k, v in section.items()}
                renamed[new_key] = value
                section.clear()
                section.update(renamed)
        return changed

    def _place(self, detail: ErrorDetails) -> Place:
        """Return the keys that lead to a wrong value, without pydantic's names of types."""
        place: list[str | int] = []
        current: Any = self.raw
        for number, part in enumerate(detail["loc"]):
            is_last = number == len(detail["loc"]) - 1
            if part == _KEY_PART:
                continue
            inner = _at(current, [part])
            if inner is _NOTHING:
                if is_last and _lacks_key(detail):
                    place.append(part)
                continue
            place.append(part)
            current = inner
        return tuple(place)


def _is_related(one: Place, other: Place) -> bool:
    """Return whether one of two places lies in the other."""
    length = min(len(one), len(other))
    return one[:length] == other[:length]


class _Mark:
    """A value that no configuration has."""


_NOTHING, _DEFAULT = _Mark(), _Mark()


def _at(value: Any, place: Sequence[str | int]) -> Any:
    for part in place:
        if isinstance(value, Mapping) and part in value:
            value = value[part]  # type: ignore[index]
        elif isinstance(value, list | tuple) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return _NOTHING
    return value


def _lacks_key(detail: ErrorDetails) -> bool:
    """Return whether a required key is missing; a list may lack values as well."""
    return detail["type"] == "missing" and not isinstance(detail["loc"][-1], int)


def _instead(
    detail: ErrorDetails, place: Place, section: Mapping[Any, Any], known: Sequence[str]
) -> tuple[str | int, Any]:
    """Return the key and value to look further with."""
    key = place[-1]
    kind, value = detail["type"], section[key]
    if kind == "extra_forbidden":
        near = renames.new_key(place) or nearest(str(key), known, ratio=FEW_NAMES)
        return (near, value) if near and near not in section else (key, _DEFAULT)
    if detail["loc"] and detail["loc"][-1] == _KEY_PART:
        name = re.sub(r"[^A-Za-z0-9_-]", "_", str(key)).lstrip("_-") or "x"
        return (name, value) if name not in section else (key, _DEFAULT)
    if kind == "literal_error" and isinstance(value, str):
        near = nearest(value, [str(choice) for choice in _choices(detail)], ratio=FEW_NAMES)
        return (key, near) if near else (key, _DEFAULT)
    return key, _DEFAULT


# --- Sentences ------------------------------------------------------------------------------------


def _sentences(place: Place, details: Sequence[ErrorDetails], root: type[BaseModel]) -> list[str]:
    """Return what is wrong in one place: several errors, if a value fits none of several types."""
    key = ".".join(map(str, place))
    first = details[0]
    kinds = {detail["type"] for detail in details}
    if "value_error" in kinds:
        messages = [d["msg"] for d in details if d["type"] == "value_error"]
        lines = [line for text in messages for line in _own_words(text).split("\n")]
        return [f"{key}: {line}" if key else line for line in lines]
    if "extra_forbidden" in kinds:
        return [f"{key}: {_unknown_key(place, root)}"]
    if "missing" in kinds and _lacks_key(first):
        return [f"{key}: this key is required"]
    if "missing" in kinds:
        count = int(first["loc"][-1]) + 1
        return [f"{key}: write at least {count} values, as in [a, b]; got {_got(details)}"]
    return [f"{key or 'config'}: {_wrong_value(place, details)}"]


def _wrong_value(place: Place, details: Sequence[ErrorDetails]) -> str:
    """Return what to write in place of a value."""
    first = details[0]
    renamed = renames.new_value(place, first["input"])
    if renamed is not None:
        return f"{show(first['input'])} is now called {renamed!r}. Fix: rename it"
    is_name = first.get("ctx", {}).get("pattern") == NAME_PATTERN
    if is_name and {detail["type"] for detail in details} == {"string_pattern_mismatch"}:
        return f"{show(first['input'])} is no name for results; {_NAME_RULE}"
    wanted = " or ".join(dict.fromkeys(filter(None, map(_expected, details))))
    return f"write {wanted}; got {_got(details)}{_hint(details)}"


def _unknown_key(place: Place, root: type[BaseModel]) -> str:
    """Return what to do about a key that a section does not have."""
    *parents, name = place
    removed, renamed = renames.removal_of(place), renames.new_key(place)
    if removed is not None:
        return f"this key was removed; {removed}"
    if renamed is not None:
        return f"this key is now called {renamed!r}. Fix: rename it"
    return unknown("key", str(name), _keys_at(root, parents))


_NAME_RULE = "use letters, digits, _ and -"


def _own_words(message: str) -> str:
    return message.removeprefix("Value error, ")


def _expected(detail: ErrorDetails) -> str:
    """Return what a value should have been."""
    ctx = detail.get("ctx", {})
    words = _EXPECTED.get(detail["type"])
    if words is None:  # no section has such a type yet
        return detail["msg"][:1].lower() + detail["msg"][1:]
    if detail["type"] == "string_type" and isinstance(detail["input"], int | float):
        return f"text: '{show(detail['input'])}'"
    if detail["type"] == "literal_error":
        return _alternatives([repr(choice) for choice in _choices(detail)])
    numbers = {name: f"{value:g}" for name, value in ctx.items() if isinstance(value, int | float)}
    if detail["type"] == "string_pattern_mismatch":
        letters = re.fullmatch(r"\^\[(\w+)\]\+\$", str(ctx["pattern"]))
        return f"letters out of {', '.join(letters[1])}" if letters else "another text"
    return words.format(**{**ctx, **numbers})


_EXPECTED = {
    "string_type": "text",
    "string_pattern_mismatch": "another text",
    "list_type": "a list, as in [a, b]",
    "tuple_type": "a list, as in [a, b]",
    "dict_type": "keys with values, as in {{key: value}}",
    "model_type": "keys with values, as in {{key: value}}",
    "model_attributes_type": "keys with values, as in {{key: value}}",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of fewer digits",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number that is not infinite",
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "less_than": "a number below {lt}",
    "less_than_equal": "a number of at most {le}",
    "literal_error": "one of the known words",
    "too_short": "a list with at least {min_length} entry",
    "too_long": "a list with at most {max_length} entries",
}


def _choices(detail: ErrorDetails) -> list[Any]:
    """Return the values that a literal allows."""
    text = str(detail.get("ctx", {}).get("expected", ""))
    found = re.findall(r"'((?:[^'\\]|\\.)*)'|(-?\d+)", text)
    return [int(number) if number else word.replace("\\t", "\t") for word, number in found]


def _alternatives(words: Sequence[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def _got(details: Sequence[ErrorDetails]) -> str:
    return show(details[0]["input"])


def _hint(details: Sequence[ErrorDetails]) -> str:
    value = details[0]["input"]
    choices = [c for d in details if d["type"] == "literal_error" for c in _choices(d)]
    if not isinstance(value, str) or not choices:
        return ""
    near = nearest(value, [str(choice) for choice in choices], ratio=FEW_NAMES)
    return f"; did you mean {near!r}?" if near else ""


def _grouped(sentences: Sequence[str]) -> list[str]:
    """Join sentences that say the same of three keys or more."""
    keys: dict[str, list[str]] = {}
    for sentence in sentences:
        key, _, text = sentence.partition(": ")
        keys.setdefault(text, []).append(key)
    result = []
    for text, places in keys.items():
        if len(places) < 3 or not text:
            result += [f"{place}: {text}" if text else place for place in places]
        else:
            shown = ", ".join(places[:2])
            result.append(f"{shown} and {len(places) - 2} more: {text}")
    return result


# --- Sections -------------------------------------------------------------------------------------


def _levels(root: type[BaseModel]) -> dict[type[BaseModel], int]:
    """Return how many levels of sections each section has within it."""
    fields = root.model_fields.values()
    inner = [section for field in fields for section in sections(field.annotation)]
    found: dict[type[BaseModel], int] = {}
    for section in inner:
        found |= _levels(section)
    return found | {root: max((1 + found[section] for section in inner), default=0)}


def _keys_at(model: type[BaseModel], parents: Sequence[str | int]) -> list[str]:
    for part in parents:
        annotation = model.model_fields[part].annotation if part in model.model_fields else None
        found = list(sections(annotation)) if annotation is not None else []
        if found:
            model = found[0]
    return list(model.model_fields)


def sections(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the sections that a type annotation names.

    Parameters
    ----------
    annotation : type
        Of a field, for example ``dict[str, Model]``.

    Yields
    ------
    type
        Classes of sections.
    """
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        if issubclass(annotation, BaseModel):
            yield annotation
        return
    for argument in typing.get_args(annotation):
        yield from sections(argument)
