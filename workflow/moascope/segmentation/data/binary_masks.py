"""Masks that only tell objects from background, given where each object needs a number."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from moascope.core.errors import ImageError, InputError
from moascope.core.image_limits import MAX_GIGABYTES
from moascope.segmentation.data.masks import Mask, read_mask

logger = logging.getLogger(__name__)

Handling = Literal["error", "components", "labels"]
"""What is done with them: refuse, give each connected part a number, or take them as labels."""

_SHARE = 0.9  # of the masks with objects, that have a single value
_SAMPLE = 20  # masks of a screen that are looked at before its images are read


def check_handling(handling: str) -> None:
    """Raise an error for a way to treat binary masks that is not known."""
    if handling not in get_args(Handling):
        known = ", ".join(get_args(Handling))
        raise InputError(
            f"segmentation.binary_masks: {handling!r} is not known. Use one of {known}."
        )


@dataclass(frozen=True)
class Values:
    """Number of values of a mask with objects."""

    single: int
    """Its only value but 0; 0 where there are several."""
    parts: int
    """Unconnected parts with this value, without specks."""

    @classmethod
    def of(cls, mask: Mask) -> Values | None:
        """Return the values of a mask, None where it is empty."""
        return cls(mask.single_value, mask.parts) if mask.labels.any() else None


def problem_of(masks: Sequence[Values | None]) -> str | None:
    """Return why the masks of a set seem to be binary, if they do.

    One value in a mask is no fault: an image may have one object, even one in two parts. A set is
    binary where nearly all masks have a single value, the same one, and in most of these masks it
    has several unconnected parts. Of the value 255, which no one counts to, one such mask suffices.

    Parameters
    ----------
    masks : sequence of Values or None
        Of all masks of a set, or of a sample; empty ones do not count.

    Returns
    -------
    str or None
        One sentence with the counts and the fixes.
    """
    filled = [mask for mask in masks if mask is not None]
    single = Counter(mask.single for mask in filled if mask.single)
    if not single:
        return None
    value, count = single.most_common(1)[0]
    parts = [mask.parts for mask in filled if mask.single == value]
    several = sum(number > 1 for number in parts)
    is_usual = several >= 1 if value == 255 else 2 * several > count
    if count < _SHARE * len(filled) or not is_usual:
        return None
    which = "" if several == count else f"in {several} of them "
    return (
        f"{count} of {len(filled)} masks have no value but 0 and {value}, though {which}{value} "
        f"has several unconnected parts (up to {max(parts)}): they separate objects from "
        "background, but not from each other. Fix: set the paths of label images (one number "
        "per object) or of folders with one mask per object. Or set segmentation.binary_masks: "
        "components, which numbers connected parts (touching objects become one). If each image "
        "has only one object, set it to labels"
    )


def check_sample(paths: Sequence[str], handling: str, max_gigabytes: float = MAX_GIGABYTES) -> None:
    """Refuse binary masks of a screen by some of them, before its images are read.

    Parameters
    ----------
    paths : sequence of str
        The masks of the screen; 20 of them, evenly spread, are read. Those that cannot be read are
        named where all are read.
    handling : str
        The key `segmentation.binary_masks`.
    max_gigabytes : float
        See `masks.read_mask`.

    Raises
    ------
    InputError
        If they are binary and `handling` is "error".
    """
    check_handling(handling)
    if handling != "error" or not paths:
        return
    chosen = np.unique(np.linspace(0, len(paths) - 1, _SAMPLE).round().astype(int))
    masks = []
    for index in chosen:
        try:
            masks.append(Values.of(read_mask(Path(paths[index]), max_gigabytes=max_gigabytes)))
        except ImageError as error:
            logger.warning("%s", error)
    problem = problem_of(masks)
    if problem is not None:
        raise InputError(f"masks such as {paths[int(chosen[0])]}: {problem}.")
