"""Collection of the problems of a screen, raised all at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from moascope.core.errors import InputError
from moascope.core.text.cell_text import amount
from moascope.core.text.escaping import escape_controls, show

if TYPE_CHECKING:
    import pandas as pd

_VALUES_IN_TEXT = re.compile(r"'[^']*'|\"[^\"]*\"|/\S+")


class Problems:
    """Problems of a screen, as sentences that start with the place of the first wrong value.

    Parameters
    ----------
    examples : int
        Problems of one cause that are written out. The rest are counted, so that a cause in every
        row does not hide the others.
    causes : int
        Causes in one column that are written out.
    """

    def __init__(self, examples: int = 2, causes: int = 20) -> None:
        self.sentences: list[str] = []
        self.notes: list[str] = []
        self.examples = examples
        self._refused: dict[str, set[str]] = {}
        self.causes = causes

    def add(self, sentence: str) -> None:
        """Note one sentence."""
        self.sentences.append(sentence)

    def note(self, sentence: str) -> None:
        """Note a value that was read differently from how it is written, or left out: a warning."""
        text = escape_controls(sentence)
        if text not in self.notes:
            self.notes.append(text)

    def refuse(
        self, wrong: pd.Series, places: pd.Series, label: str, why: Callable[[str], str]
    ) -> None:
        """Note values as `values` does, and no later problem with them or their absence."""
        self.values(wrong, places, label, why)
        if len(wrong):
            self._refused.setdefault(label, {""}).update(wrong)

    def rename(self, label: str, new: str) -> None:
        """Change the label of a column, and keep its refused values."""
        if label in self._refused:
            self._refused[new] = self._refused.pop(label)

    def attempt(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function; note its `InputError` and return None."""
        try:
            return function(*args)
        except InputError as error:
            self.add(str(error))
            return None

    def values(
        self, wrong: pd.Series, places: pd.Series, label: str, why: Callable[[str], str]
    ) -> None:
        """Note the values of a part of a column, each distinct one once, by their cause.

        The cause is the text of `why` without paths and words in quotes.
        """
        wrong = wrong[~wrong.isin(self._refused.get(label, set()))]
        firsts = wrong[~wrong.duplicated()]
        counts = wrong.value_counts()
        of_cause: dict[str, list[tuple[str, str]]] = {}
        for value, place in zip(firsts, places.loc[firsts.index], strict=True):
            reason, text = why(str(value)), str(value)
            cause = _VALUES_IN_TEXT.sub("", reason.replace(text, "") if reason != text else reason)
            more = f" (and {counts[value] - 1} more)" if counts[value] > 1 else ""
            sentence = f"{place}{more}, {label}: {reason}"
            of_cause.setdefault(cause, []).append((text, sentence))
        for found in list(of_cause.values())[: self.causes]:
            for _, sentence in found[: self.examples]:
                self.add(sentence)
            rest = [text for text, _ in found[self.examples :]]
            if rest:
                kind = f"{amount(len(rest), 'more value')} in {label} with the same problem"
                self.add(f"... and {kind}: {', '.join(map(show, rest[:5]))}")
        hidden = sum(len(found) for found in list(of_cause.values())[self.causes :])
        if hidden:
            self.add(f"... and {amount(hidden, 'more wrong value')} in {label}")

    def rows(
        self, wrong: pd.Index | Sequence[int], sentence: Callable[[Any], str], kind: str
    ) -> None:
        """Note rows of one cause, each with its own sentence."""
        for index in wrong[: self.examples]:
            self.add(sentence(index))
        if len(wrong) > self.examples:
            self.add(f"... and {len(wrong) - self.examples} more {kind}")

    def raise_if_any(self, heading: str) -> None:
        """Raise one `InputError` with all sentences, if there are any."""
        if self.sentences:
            raise InputError.collect(self.sentences, heading, limit=200)
