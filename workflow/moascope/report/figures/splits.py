"""Figures of splits: groups against folds, or units by fold."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline

from moascope.report.figures.style import (
    STYLE,
    colour_of,
    new_figure,
    polygons,
    shorten_labels,
    squares,
    svg_text,
    widest,
)

SETS = ("train", "validation", "test")


def split_picture(
    sets: Sequence[Sequence[str]],
    groups: Sequence[str],
    folds: int,
    sections: Sequence[str],
    alt: str,
) -> str:
    """Draw the set of every group in every fold.

    Parameters
    ----------
    sets : sequence of sequences of str, shape (groups, folds)
        "train", "validation", "test" or "" (excluded from the fold).
    groups : sequence of str
        Row names.
    folds : int
        Number of columns.
    sections : sequence of str
        The class of each row; neighbouring rows of one class are bracketed.
    alt : str
        Alternative text.

    Returns
    -------
    str
        SVG text.
    """
    cell = 15 if len(groups) > 24 else 18
    names = shorten_labels(groups, 24)
    # Short names must leave room for the word above them.
    left = 14 + widest([*names, "fold"], 8)
    sections = shorten_labels(sections, 26)
    right = 22 + widest(sections, 8)
    top, bottom = 24 if folds > 1 else 20, 34
    width = max(left + cell * folds + right, 300)
    height = top + cell * len(groups) + bottom
    with mpl.rc_context(STYLE):
        figure = new_figure(width, height)
        axes = figure.add_axes(
            (
                left / width,
                bottom / height,
                cell * folds / width,
                cell * len(groups) / height,
            )
        )
        state = np.array([list(row) for row in sets], dtype=object).reshape(len(groups), folds)
        _split_cells(axes, state)
        axes.set_xlim(-0.5, folds - 0.5)
        axes.set_ylim(len(groups) - 0.5, -0.5)
        step = 1 if cell >= 17 or folds <= 9 else 2
        shown = range(0, folds, step)
        axes.set_xticks(list(shown), [str(fold + 1) for fold in shown])
        axes.xaxis.tick_top()
        axes.set_yticks(range(len(groups)), names)
        axes.tick_params(length=0, labelsize=8)
        for spine in axes.spines.values():
            spine.set_visible(False)
        if any(sections):
            _section_brackets(axes, sections)
        figure.text(
            (left - 6) / width,
            1 - 15 / height,
            "fold",
            ha="right",
            fontsize=8,
            color=colour_of("muted"),
        )
        _split_legend(figure, set(state.ravel()), width, height)
        return svg_text(figure, alt)


def _split_cells(axes: Axes, state: npt.NDArray[np.object_]) -> None:
    """Draw every cell by colour and shape, as one path per set to keep the file small."""
    looks = {
        "train": (0.30, "muted", 0.45),
        "validation": (0.34, "c4", 1.0),
        "test": (0.44, "accent", 1.0),
    }
    for name, (half, colour, alpha) in looks.items():
        rows, columns = np.nonzero(state == name)
        if not len(rows):
            continue
        axes.add_patch(
            PathPatch(
                _diamonds(columns, rows, half * 1.25)
                if name == "validation"
                else squares(columns, rows, half),
                fc=colour_of(colour),
                ec="none",
                alpha=alpha,
            )
        )
    rows, columns = np.nonzero(state == "")
    if len(rows):
        axes.add_patch(PathPatch(squares(columns, rows, 0.06), fc=colour_of("muted"), ec="none"))


def _section_brackets(axes: Axes, sections: Sequence[str]) -> None:
    x = axes.get_xlim()[1] + 0.35
    starts = [i for i, name in enumerate(sections) if i == 0 or name != sections[i - 1]]
    for start, stop in zip(starts, [*starts[1:], len(sections)], strict=True):
        axes.plot(
            [x, x], [start - 0.3, stop - 0.7], color=colour_of("muted"), lw=1.4, clip_on=False
        )
        axes.annotate(
            sections[start],
            (x, (start + stop - 1) / 2),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            annotation_clip=False,
        )


def _split_legend(figure: Figure, used: set[str], width: float, height: float) -> None:
    looks = {
        "train": ("train", "s", 5.5, "muted", 0.55),
        "validation": ("validation", "D", 5.5, "c4", 1.0),
        "test": ("test", "s", 8.0, "accent", 1.0),
        "": ("left out", "s", 1.8, "muted", 1.0),
    }
    shown = [look for name, look in looks.items() if name in used]
    handles = [
        Line2D([], [], ls="", marker=marker, ms=size, mfc=colour_of(hue), mec="none", alpha=alpha)
        for _, marker, size, hue, alpha in shown
    ]
    figure.legend(
        handles,
        [look[0] for look in shown],
        loc="lower left",
        bbox_to_anchor=(4 / width, 4 / height),
        ncols=4,
        handletextpad=0.1,
        columnspacing=0.9,
        borderpad=0,
    )


def split_bars(counts: pd.DataFrame, alt: str) -> str:
    """Draw the numbers of training, validation and test units of every fold.

    Parameters
    ----------
    counts : pandas.DataFrame
        One row per fold (index: its name), integer columns train, validation, test.
    alt : str
        Alternative text.

    Returns
    -------
    str
        SVG text.
    """
    names = shorten_labels([str(name) for name in counts.index], 24)
    left = 14 + widest(names, 8.5)
    width, height = left + 430, 62 + 20 * len(names)
    with mpl.rc_context(STYLE):
        figure = new_figure(width, height)
        axes = figure.add_axes((left / width, 50 / height, 400 / width, 20 * len(names) / height))
        start = np.zeros(len(counts))
        looks = {"train": ("muted", 0.45), "validation": ("c4", 1.0), "test": ("accent", 1.0)}
        for name, (colour, alpha) in looks.items():
            if counts[name].any():
                axes.barh(
                    range(len(counts)),
                    counts[name],
                    left=start,
                    height=0.7,
                    color=colour_of(colour),
                    alpha=alpha,
                    label=name,
                )
            start += counts[name].to_numpy()
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_yticks(range(len(names)), names)
        axes.tick_params(length=0)
        axes.set_xlabel("units")
        axes.spines["left"].set_visible(False)
        figure.legend(loc="lower left", bbox_to_anchor=(4 / width, 0), ncols=3, columnspacing=0.9)
        return svg_text(figure, alt)


def _diamonds(x: npt.NDArray[np.integer], y: npt.NDArray[np.integer], half: float) -> Outline:
    return polygons(x, y, half * np.array([(0, -1), (1, 0), (0, 1), (-1, 0)]))
