"""Words of the report for classes, images and the units that classes are permuted among."""

from __future__ import annotations

from dataclasses import dataclass

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

    def exchanged(self, independent_unit: str = "image") -> str:
        """Return the units that classes are permuted among for the null, in the plural."""
        return "compounds" if self.has_plates else plural_of(independent_unit)


MECHANISM = Words()


def words_of(input_format: str | None, label_name: str | None = None) -> Words:
    """Return the words of a run.

    Parameters
    ----------
    input_format : str or None
        The key `input.format`; None without a screen.
    label_name : str or None
        The key `input.label_name`.
    """
    if input_format is None:
        return MECHANISM
    plates = has_plates(input_format)
    name = label_name or (None if plates else "class")
    return Words(name, name, plates) if name else Words(has_plates=plates)


def sentence_case(text: str) -> str:
    """Return a text with its first letter in capitals."""
    return text[:1].upper() + text[1:]
