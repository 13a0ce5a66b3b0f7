"""Heat maps of plates."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle

from moascope.report.figures.style import STYLE, colour_of, new_figure, squares, svg_text
from moascope.screen.wells import PLATE_SHAPES, row_name

_LEVELS = 7


def plate_map(
    wells: pd.DataFrame,
    plate_format: int,
    title: str,
    *,
    limits: tuple[float, float],
    tick_format: str,
    alt: str,
    diverging: bool = False,
) -> str:
    """Draw one value per well at its position, with a cross on flagged wells.

    Parameters
    ----------
    wells : pandas.DataFrame
        Columns row and col (from 0), value, flagged (bool). Wells without a row have no image.
    plate_format : {96, 384, 1536}
        Wells of the plate.
    title : str
        Name of the value.
    limits : (float, float)
        Values that get the faintest and the strongest colour; more extreme ones are clipped.
        With `diverging` the middle of both is the faintest.
    tick_format : str
        Format of the numbers of the colour key, such as ".0%".
    alt : str
        Alternative text.
    diverging : bool
        Two colours, one to each side of the middle.

    Returns
    -------
    str
        SVG text. Values are drawn in seven levels, as many as are distinct at this size.
    """
    n_rows, n_columns = PLATE_SHAPES[plate_format]
    pitch = {96: 17.0, 384: 8.6, 1536: 6.0}[plate_format]
    left, top, bottom = 22.0, 40.0, 40.0
    width, height = left + pitch * n_columns + 6, top + pitch * n_rows + bottom
    value = wells["value"].to_numpy(float)
    rows, columns = wells["row"].to_numpy(int), wells["col"].to_numpy(int)
    low, high = limits
    position = np.clip((value - low) / (high - low if high > low else 1.0), 0, 1)
    level = np.minimum((np.nan_to_num(position) * _LEVELS).astype(int), _LEVELS - 1)
    with mpl.rc_context(STYLE):
        figure = new_figure(width, height)
        axes = figure.add_axes(
            (
                left / width,
                bottom / height,
                pitch * n_columns / width,
                pitch * n_rows / height,
            )
        )
        everywhere = np.indices((n_rows, n_columns)).reshape(2, -1)
        empty = np.ones((n_rows, n_columns), dtype=bool)
        empty[rows, columns] = False
        off = everywhere[:, empty.ravel()]
        axes.add_patch(
            PathPatch(squares(off[1], off[0], 0.07), fc=colour_of("muted"), ec="none", alpha=0.6)
        )
        for k in range(_LEVELS):
            chosen = np.isfinite(value) & (level == k)
            if chosen.any():
                colour, alpha = _level_look(k, diverging=diverging)
                axes.add_patch(
                    PathPatch(
                        squares(columns[chosen], rows[chosen], 0.45),
                        fc=colour,
                        ec="none",
                        alpha=alpha,
                    )
                )
        flagged = wells["flagged"].to_numpy(bool)
        # A light line under a dark one is visible on every level, in both colour schemes.
        for line, colour in ((3.2, "paper"), (1.5, "fg")):
            axes.plot(
                columns[flagged],
                rows[flagged],
                ls="",
                marker="x",
                ms=pitch * 0.42,
                mew=line * min(1, pitch / 16),
                mec=colour_of(colour),
            )
        axes.set_xlim(-0.5, n_columns - 0.5)
        axes.set_ylim(n_rows - 0.5, -0.5)
        step = {96: 1, 384: 2, 1536: 4}[plate_format]
        axes.set_xticks(range(0, n_columns, step), [str(c + 1) for c in range(0, n_columns, step)])
        axes.set_yticks(range(0, n_rows, step), [row_name(r) for r in range(0, n_rows, step)])
        axes.xaxis.tick_top()
        axes.tick_params(length=0, labelsize=7.5, pad=1.5)
        for spine in axes.spines.values():
            spine.set_visible(False)
        figure.text(left / width, 1 - 15 / height, title, fontsize=9.5, fontweight="bold")
        _level_key(figure, (left, width, height), limits, tick_format, diverging=diverging)
        return svg_text(figure, alt)


def _level_look(level: int, *, diverging: bool) -> tuple[str, float]:
    if not diverging:
        return colour_of("accent"), 0.10 + 0.90 * level / (_LEVELS - 1)
    middle = (_LEVELS - 1) / 2
    strength = abs(level - middle) / middle
    hue = "contrast" if level > middle else "accent"
    return colour_of(hue), 0.10 + 0.90 * strength**1.6


def _level_key(
    figure: Figure,
    frame: tuple[float, float, float],
    limits: tuple[float, float],
    tick_format: str,
    *,
    diverging: bool,
) -> None:
    left, width, height = frame
    box = 11
    key = figure.add_axes((left / width, 20 / height, box * _LEVELS / width, 9 / height))
    for k in range(_LEVELS):
        colour, alpha = _level_look(k, diverging=diverging)
        key.add_patch(Rectangle((k + 0.04, 0), 0.92, 1, fc=colour, ec="none", alpha=alpha))
    key.set_xlim(0, _LEVELS)
    key.set_ylim(0, 1)
    key.set_yticks([])
    marks = [0, _LEVELS / 2, _LEVELS]
    values = [limits[0], sum(limits) / 2, limits[1]]
    key.set_xticks(marks, [_signed(value, tick_format) for value in values])
    key.tick_params(length=0, labelsize=7.5, pad=2)
    for spine in key.spines.values():
        spine.set_visible(False)
    right = left + box * _LEVELS + 16
    figure.text(right / width, 20.5 / height, "× flagged", fontsize=7.5)
    figure.text((right + 56) / width, 20.5 / height, "· no image", fontsize=7.5)


def _signed(value: float, tick_format: str) -> str:
    text = format(value, tick_format if value else tick_format.lstrip("+"))
    return text.replace("-", "−")
