"""Maps of what a network loses when a part of a unit is covered."""

from __future__ import annotations

import numpy as np

from moascope.classification.explanation.options import Explain
from moascope.classification.explanation.subject import Subject


def draw_occlusion(
    subject: Subject, units: np.ndarray, targets: np.ndarray, options: Explain
) -> np.ndarray:
    """Draw occlusion maps (Zeiler and Fergus 2014).

    A square is moved over the unit in steps of half its side, and replaces what it covers by the
    mean of each channel.

    Parameters
    ----------
    subject : Subject
        The network.
    units : numpy.ndarray
        float `(n, H, W, C)`, nominal range [0, 1].
    targets : numpy.ndarray
        int `(n,)`, class to explain.
    options : Explain
        Side of the square, `occlusion_side`.

    Returns
    -------
    numpy.ndarray
        float32 `(n, H, W)`, not negative: mean loss of probability over the squares that cover a
        pixel.
    """
    height, width = units.shape[1:3]
    side = max(1, round(options.occlusion_side * min(height, width)))
    rows, columns = place_squares(height, side), place_squares(width, side)
    maps = np.zeros((len(units), height, width), np.float32)
    cover = np.zeros((height, width), np.float32)
    for top in rows:
        for left in columns:
            cover[top : top + side, left : left + side] += 1
    for number, (unit, target) in enumerate(zip(units, targets, strict=True)):
        whole = subject.predict(unit[None])[0, target]
        for top in rows:
            covered = np.repeat(unit[None], len(columns), axis=0)
            for place, left in enumerate(columns):
                covered[place, top : top + side, left : left + side] = subject.means
            lost = whole - subject.predict(covered)[:, target]
            for left, loss in zip(columns, lost, strict=True):
                maps[number, top : top + side, left : left + side] += loss
    return np.maximum(maps / cover, 0)


def place_squares(length: int, side: int) -> list[int]:
    """Return the first pixels of squares that cover an axis in steps of half their side.

    Parameters
    ----------
    length, side : int
        Of the axis and of a square, in pixels.

    Returns
    -------
    list of int
        Ascending; the last square ends at the end of the axis.
    """
    places = list(range(0, length - side + 1, max(1, side // 2)))
    return places if places[-1] == length - side else [*places, length - side]
