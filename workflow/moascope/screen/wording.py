"""Words of the report for classes, images and the units that classes are permuted among."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moascope.core.text.plurals import plural_of
from moascope.screen.formats.registry import has_plates


@dataclass(frozen=True)
class Words:
    """Words of a run.

    Parameters
    ----------
    label : str
        Noun for a class, in the singular, such as mechanism of action.
    short : str
        The same within a sentence.
    has_plates : bool
        Whether images lie in wells of plates and show treatments.
    """

    label: str = "mechanism of action"
    short: str = "mechanism"
    has_plates: bool = True

    @property
    def labels(self) -> str:
        """Return the plural of `short`."""
        return plural_of(self.short)

    @property
    def site(self) -> str:
        """Return the noun for an image of the sheet."""
        return "site" if self.has_plates else "image"

    @property
    def sites(self) -> str:
        """Return the plural of `site`."""
        return plural_of(self.site)

    def exchanged(self, entry: Mapping[str, Any]) -> str:
        """Return the units that classes are permuted among for the null, in the plural."""
        if self.has_plates:
            return "compounds"
        return plural_of(str(entry.get("details", {}).get("independent_unit", "image")))


MECHANISM = Words()


def words_of(input_options: Mapping[str, Any] | None) -> Words:
    """Return the words of a run.

    Parameters
    ----------
    input_options : mapping or None
        The config section `input`, or its keys format and label_name; None without a screen.
    """
    if input_options is None:
        return MECHANISM
    plates = has_plates(input_options["format"])
    name = input_options.get("label_name") or (None if plates else "class")
    return Words(name, name, plates) if name else Words(has_plates=plates)


def sentence_case(text: str) -> str:
    """Return a text with its first letter in capitals."""
    return text[:1].upper() + text[1:]
