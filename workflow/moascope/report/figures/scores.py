"""Figures of scores: intervals, confusion, calibration and training curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from moascope.report.figures.style import (
    STYLE,
    colour_of,
    new_figure,
    shorten_labels,
    svg_text,
    widest,
    wrap_labels,
)


@dataclass(frozen=True)
class ForestRow:
    """One line of the forest plot.

    Attributes
    ----------
    label : str
        Name of the model or baseline, or the heading of a group of rows.
    kind : {"heading", "model", "baseline"}
        Style of the row.
    values : mapping of str to (value, low, high)
        By metric, each a share in [0, 1]; low and high are NaN without an interval.
    """

    label: str
    kind: str
    values: Mapping[str, tuple[float, float, float]]


def accuracy_forest(
    rows: Sequence[ForestRow], metrics: Sequence[str], alt: str, *, narrow: bool = False
) -> str:
    """Draw scores of models and baselines with their confidence intervals.

    Parameters
    ----------
    rows : sequence of ForestRow
        From top to bottom.
    metrics : sequence of str
        Keys of `ForestRow.values`, one panel each.
    alt : str
        Alternative text.
    narrow : bool
        For small screens: panels one below the other, names above their points.

    Returns
    -------
    str
        SVG text.
    """
    labels = shorten_labels([row.label for row in rows], 34)
    if narrow:
        return _narrow_forest(rows, metrics, labels, alt)
    with mpl.rc_context(STYLE):
        label_width = 16 + widest(labels, 8.5)
        width, height = label_width + 250 * len(metrics), 58 + 22 * len(rows)
        figure = new_figure(width, height)
        for column, metric in enumerate(metrics):
            axes = figure.add_axes(
                (
                    (label_width + 250 * column) / width,
                    32 / height,
                    225 / width,
                    (22 * len(rows)) / height,
                )
            )
            _forest_panel(axes, rows, metric, labels if column == 0 else None)
        return svg_text(figure, alt)


def _narrow_forest(
    rows: Sequence[ForestRow], metrics: Sequence[str], labels: Sequence[str], alt: str
) -> str:
    pitch, panel = 32, 58 + 32 * len(rows)
    width, height = 336, panel * len(metrics)
    with mpl.rc_context(STYLE):
        figure = new_figure(width, height)
        for number, metric in enumerate(metrics):
            bottom = height - (number + 1) * panel + 26
            place = (12 / width, bottom / height, (width - 26) / width, pitch * len(rows) / height)
            axes = figure.add_axes(place)
            _forest_panel(axes, rows, metric, None)
            # Points are half a row below their names.
            axes.set_ylim(len(rows) - 0.3, -0.8)
            for position, (row, label) in enumerate(zip(rows, labels, strict=True)):
                is_model = row.kind == "model"
                axes.text(
                    0,
                    position - 0.36,
                    label,
                    va="center",
                    fontsize=8.5,
                    fontweight="bold" if is_model else "normal",
                    color=colour_of("fg" if is_model else "muted"),
                )
        return svg_text(figure, alt)


def _forest_panel(
    axes: Axes, rows: Sequence[ForestRow], metric: str, labels: Sequence[str] | None
) -> None:
    for position, row in enumerate(rows):
        if row.kind == "heading":
            axes.axhline(position + 0.42, color=colour_of("grid"), lw=0.7, xmin=0)
            continue
        value, low, high = row.values.get(metric, (math.nan,) * 3)
        if not math.isfinite(value):
            continue
        model = row.kind == "model"
        colour = colour_of("accent" if model else "muted")
        if math.isfinite(low) and math.isfinite(high):
            # Points at 0 or 100 % are not clipped.
            width = 2.2 if model else 1.4
            axes.plot([low, high], [position] * 2, color=colour, lw=width, clip_on=False)
        axes.plot(
            value,
            position,
            marker="o" if model else "D",
            ms=7 if model else 5,
            mfc=colour if model else colour_of("paper"),
            mec=colour,
            mew=1.3,
            clip_on=False,
            zorder=3,
        )
        _annotate_score(axes, position, (value, low, high), is_model=model)
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(len(rows) - 0.2, -0.5)
    axes.set_xticks(np.linspace(0, 1, 6), [f"{100 * tick:.0f}" for tick in np.linspace(0, 1, 6)])
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.tick_params(length=0)
    axes.set_title(f"{metric}, %")
    axes.set_yticks(range(len(rows)), labels or [])
    for label, row in zip(axes.get_yticklabels(), rows, strict=False):
        label.set_fontweight("bold" if row.kind == "model" else "normal")
        label.set_color(colour_of("fg" if row.kind == "model" else "muted"))


def _annotate_score(
    axes: Axes, position: int, score: tuple[float, float, float], *, is_model: bool
) -> None:
    """Write a score to the right or left of its interval, or below it if neither has room."""
    value, low, high = score
    known = math.isfinite(low) and math.isfinite(high)
    right = max(high, value) if known else value
    left = min(low, value) if known else value
    room = 0.16 if known else 0.5
    if right < 1 - room:
        place, offset, alignment = right, (7, 0), ("left", "center")
    elif left > room:
        place, offset, alignment = left, (-7, 0), ("right", "center")
    else:
        place, offset, alignment = value, (0, -4), ("center", "top")
    axes.annotate(
        f"{100 * value:.1f}" + ("" if known else ", no interval"),
        (place, position),
        xytext=offset,
        textcoords="offset points",
        ha=alignment[0],
        va=alignment[1],
        fontsize=8.5,
        fontweight="bold" if is_model else "normal",
    )


def confusion_matrix(counts: npt.ArrayLike, classes: Sequence[str], alt: str) -> str:
    """Draw a confusion matrix with counts and the share of each true class.

    Parameters
    ----------
    counts : array-like of int, shape (k, k)
        Rows are true classes, columns predicted ones.
    classes : sequence of str, length k
        Names in the order of `counts`.
    alt : str
        Alternative text.

    Returns
    -------
    str
        SVG text.
    """
    matrix = np.asarray(counts, dtype=float)
    totals = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, totals, out=np.zeros_like(matrix), where=totals > 0)
    n = len(classes)
    names = wrap_labels(classes)
    longest = widest(names, 8.5) + 12 * max(name.count("\n") for name in names)
    margin = max(60, 16 + longest)
    cell = 58 if n <= 8 else 46 if n <= 14 else 34
    width, height = margin + 62 + n * cell, 26 + n * cell + 22 + 0.64 * longest
    with mpl.rc_context(STYLE):
        figure = new_figure(width, height)
        axes = figure.add_axes(
            (margin / width, 1 - (26 + n * cell) / height, n * cell / width, n * cell / height)
        )
        for row in range(n):
            for column in range(n):
                share, count = shares[row, column], matrix[row, column]
                _confusion_cell(axes, (row, column), share, count, small=cell < 40)
        axes.set_xlim(0, n)
        axes.set_ylim(n, 0)
        axes.set_yticks(np.arange(n) + 0.5, names)
        axes.set_xticks(np.arange(n) + 0.5, names, rotation=40, ha="right", rotation_mode="anchor")
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        for row in range(n):
            axes.text(
                n + 0.12,
                row + 0.5,
                f"n {totals[row, 0]:.0f}",
                va="center",
                color=colour_of("muted"),
                fontsize=8.5,
            )
        figure.text(margin / width, 1 - 14 / height, "predicted →", color=colour_of("muted"))
        figure.text(
            (margin - 8) / width, 1 - 14 / height, "true ↓", color=colour_of("muted"), ha="right"
        )
        return svg_text(figure, alt)


def _confusion_cell(
    axes: Axes, place: tuple[int, int], share: float, count: float, *, small: bool
) -> None:
    row, column = place
    corner = (column + 0.03, row + 0.03)
    axes.add_patch(Rectangle(corner, 0.94, 0.94, fc=colour_of("grid"), ec="none", alpha=0.25))
    if not count:
        return
    is_correct = row == column
    hue = colour_of("accent" if is_correct else "contrast")
    # Faint colours keep text readable; the square root separates small shares of errors.
    alpha = 0.08 + 0.40 * (share if is_correct else math.sqrt(share))
    axes.add_patch(Rectangle(corner, 0.94, 0.94, fc=hue, ec="none", alpha=alpha))
    weight = "bold" if is_correct else "normal"
    text: dict[str, Any] = {"ha": "center", "va": "center"}
    if small:
        label = f"{100 * share:.0f}" if share >= 0.005 else "<1"
        axes.text(column + 0.5, row + 0.5, label, fontsize=8, weight=weight, **text)
        return
    label = f"{100 * share:.0f}%" if share >= 0.005 else "<1%"
    axes.text(column + 0.5, row + 0.42, label, fontsize=9.5, weight=weight, **text)
    axes.text(column + 0.5, row + 0.74, f"{count:.0f}", fontsize=7.5, **text)


def reliability_diagram(
    confidence: npt.ArrayLike, accuracy: npt.ArrayLike, counts: npt.ArrayLike, alt: str
) -> str:
    """Draw the accuracy of predictions by their confidence.

    Parameters
    ----------
    confidence, accuracy : array-like of float, shape (b,)
        Mean confidence and share of correct predictions of each bin, in [0, 1]. NaN: empty bin.
    counts : array-like of int, shape (b,)
        Predictions in each bin.
    alt : str
        Alternative text.

    Returns
    -------
    str
        SVG text. Guo et al. 2017, "On calibration of modern neural networks".
    """
    x, y = np.asarray(confidence, dtype=float), np.asarray(accuracy, dtype=float)
    n = np.asarray(counts, dtype=float)
    filled = (n > 0) & np.isfinite(x) & np.isfinite(y)
    x, y, n = x[filled], y[filled], n[filled]
    with mpl.rc_context(STYLE):
        figure = new_figure(360, 380)
        axes = figure.add_axes((0.15, 0.31, 0.8, 0.62))
        dashes = (0, (4, 3))
        axes.plot([0, 1], [0, 1], color=colour_of("muted"), ls=dashes, lw=1, label="perfect")
        axes.vlines(x, x, y, color=colour_of("contrast"), lw=1.4, alpha=0.7)
        axes.plot(x, y, color=colour_of("accent"), lw=1.4)
        # The area shows the number of predictions.
        area = 15 + 75 * n / n.max() if len(n) else n
        axes.scatter(
            x, y, s=area, color=colour_of("accent"), ec=colour_of("paper"), lw=0.8, zorder=3
        )
        axes.legend(loc="lower right")
        axes.set_xlim(0, 1.02)
        axes.set_ylim(0, 1.02)
        axes.set_xticks(np.linspace(0, 1, 6), [])
        axes.set_yticks(np.linspace(0, 1, 6), [f"{100 * t:.0f}" for t in np.linspace(0, 1, 6)])
        axes.set_ylabel("accuracy, %")
        axes.grid()
        axes.set_axisbelow(True)
        below = figure.add_axes((0.15, 0.13, 0.8, 0.14))
        below.vlines(x, 0, n, color=colour_of("muted"), lw=7)
        below.set_xlim(0, 1.02)
        below.set_ylim(0, 1.1 * n.max() if len(n) else 1)
        below.set_yticks([n.max()] if len(n) else [])
        below.set_xticks(np.linspace(0, 1, 6), [f"{100 * t:.0f}" for t in np.linspace(0, 1, 6)])
        below.set_xlabel("confidence of the prediction, %")
        below.set_ylabel("count")
        return svg_text(figure, alt)


def training_curves(history: pd.DataFrame, alt: str) -> str:
    """Draw loss and accuracy over epochs, a thin line per fold and the median of the folds.

    Parameters
    ----------
    history : pandas.DataFrame
        Columns repeat, fold, epoch, loss, accuracy and, with a validation set, val_loss and
        val_accuracy.
    alt : str
        Alternative text.

    Returns
    -------
    str
        SVG text.
    """
    series = [("training", "", "muted", (0, (4, 2))), ("validation", "val_", "accent", "-")]
    with mpl.rc_context(STYLE):
        figure = new_figure(720, 270)
        for index, measure in enumerate(("loss", "accuracy")):
            axes = figure.add_axes((0.08 + 0.49 * index, 0.18, 0.42, 0.68))
            for name, prefix, colour, dashes in series:
                column = prefix + measure
                if column not in history or history[column].isna().all():
                    continue
                for _, fold in history.groupby(["repeat", "fold"], sort=True):
                    axes.plot(
                        fold["epoch"], fold[column], color=colour_of(colour), lw=0.7, alpha=0.35
                    )
                median = history.groupby("epoch")[column].median()
                axes.plot(
                    median.index,
                    median,
                    color=colour_of(colour),
                    lw=2.2,
                    ls=dashes,
                    label=f"{name}, median",
                    marker="o" if len(median) == 1 else None,
                )
            axes.set_title(measure)
            axes.set_xlabel("epoch")
            axes.grid()
            axes.set_axisbelow(True)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.set_xlim(history["epoch"].min() - 0.5, history["epoch"].max() + 0.5)
            if measure == "accuracy":
                axes.set_ylim(-0.02, 1.02)
            axes.legend(loc="best")
        return svg_text(figure, alt)
