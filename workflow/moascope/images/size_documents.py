"""Counts of the sizes of images, as written to summary.json."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class FrequentSize(TypedDict):
    """Size in pixels, and the number of sites that have it."""

    height: int
    width: int
    sites: int


class SizeCounts(TypedDict):
    """Counts of the sizes of all images. Sizes are [height, width] in pixels."""

    rule: str
    """The key `input.on_size_mismatch`."""
    n_sizes: int
    frequent: list[FrequentSize]
    target: list[int] | None
    """The size that all images get; None: they keep theirs."""
    unread_sites: int
    """Sites whose header cannot be read."""
    smallest: NotRequired[list[int]]
    """Smallest height and smallest width, where any header can be read."""
    largest: NotRequired[list[int]]


class SizeSummary(SizeCounts):
    """The same with a sentence, for the report and summary.json."""

    text: str
