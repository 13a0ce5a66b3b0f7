"""Figures and pictures of segmentations, for the report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd

from moascope.report.figures.style import (
    STYLE,
    category_colour,
    colour_of,
    marker_of,
    new_figure,
    svg_text,
)
from moascope.segmentation.label_windows import busiest, median_side, shrink, thin
from moascope.segmentation.matching import match, overlaps, without_ignored
from moascope.segmentation.scores import EngineScores

Labels = npt.NDArray[np.integer[Any]]
RGB = npt.NDArray[np.uint8]

OUTLINES = {
    "reference": "#49d3f2",
    "predicted": "#f2e14c",
    "both": "#9aa4ad",
    "missed": "#ff7a2f",
    "invented": "#d94bd6",
}
"""Colours of outlines by their meaning, the same on light and dark pages since images are dark."""


def ap_curves(scores: Mapping[str, EngineScores], alt: str) -> str:
    """Draw average precision by the IoU threshold, a line per engine.

    Parameters
    ----------
    scores : mapping of str to EngineScores
        By engine.
    alt : str
        Alternative text.

    Returns
    -------
    str
        SVG text.
    """
    with mpl.rc_context(STYLE):
        figure = new_figure(560, 300)
        axes = figure.add_axes((0.1, 0.16, 0.86, 0.76))
        for number, (name, entry) in enumerate(scores.items()):
            thresholds = [float(threshold) for threshold in entry["ap"]]
            axes.plot(
                thresholds,
                list(entry["ap"].values()),
                color=category_colour(number),
                marker=marker_of(number),
                ms=5,
                lw=1.8,
                label=f"{name} (mean {entry['mean_ap']:.3f})",
            )
        axes.set_xlabel("IoU threshold for a match")
        axes.set_ylabel("average precision")
        axes.set_ylim(-0.02, 1.02)
        axes.grid()
        axes.set_axisbelow(True)
        axes.legend(loc="best")
        return svg_text(figure, alt)


def size_distribution(areas: Mapping[str, npt.NDArray[Any]], alt: str) -> str:
    """Draw the distribution of object sizes, a line per source.

    Parameters
    ----------
    areas : mapping of str to (n,) array
        Areas in px; the first are those of the reference masks.
    alt : str
        Alternative text.

    Returns
    -------
    str
        SVG text.
    """
    every = np.concatenate([np.asarray(values, float) for values in areas.values()])
    top = max(4.0, float(every.max())) if len(every) else 4.0
    low = max(1.0, float(every.min())) if len(every) else 1.0
    edges = np.geomspace(low, top * 1.01, 31)
    with mpl.rc_context(STYLE):
        figure = new_figure(560, 280)
        axes = figure.add_axes((0.12, 0.18, 0.84, 0.74))
        for number, (name, values) in enumerate(areas.items()):
            counts, _ = np.histogram(values, edges)
            is_reference = number == 0
            axes.stairs(
                counts,
                edges,
                color=colour_of("muted") if is_reference else category_colour(number - 1),
                fill=is_reference,
                alpha=0.35 if is_reference else 1,
                lw=1.6,
                label=f"{name} ({len(values):,})",
            )
        axes.set_xscale("log")
        ticks = round_ticks(edges[0], edges[-1])
        axes.set_xticks(ticks, [f"{tick:,.0f}" for tick in ticks])
        axes.minorticks_off()
        axes.set_xlabel("area of an object in pixels")
        axes.set_ylabel("objects")
        axes.legend(loc="upper left")
        return svg_text(figure, alt)


def round_ticks(low: float, high: float) -> list[float]:
    """Choose round ticks of a logarithmic axis.

    Parameters
    ----------
    low, high : float
        Ends of the axis, positive.

    Returns
    -------
    list of float
        Powers of ten, also 2 and 5 times or all multiples of them if there are fewer than 3; the
        rounded ends of an axis that is too short for these.
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1,), (1, 2, 5), range(1, 10)):
        ticks = [digit * 10.0**power for power in powers for digit in digits]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) >= 3:
            return ticks
    return [float(math.ceil(low)), float(math.floor(high))]


def learning_curve(history: pd.DataFrame, alt: str) -> str:
    """Draw the loss, and the AP on validation images, over the steps of a training.

    Parameters
    ----------
    history : pandas.DataFrame
        step, loss, ap_50 and mean_ap (NaN without validation images); of an ensemble, also member,
        each of which has a line.
    alt : str
        Alternative text.

    Returns
    -------
    str
        SVG text.
    """
    members = history["member"] if "member" in history else [0] * len(history)
    with mpl.rc_context(STYLE):
        figure = new_figure(720, 250)
        for index, (title, columns) in enumerate(
            {"training loss": ["loss"], "validation AP": ["ap_50", "mean_ap"]}.items()
        ):
            axes = figure.add_axes((0.08 + 0.49 * index, 0.2, 0.42, 0.66))
            words = {"ap_50": "at IoU 0.5", "mean_ap": "mean, IoU 0.5 to 0.9", "loss": "loss"}
            for number, column in enumerate(columns):
                if history[column].isna().all():
                    continue
                for line, (_, member) in enumerate(history.groupby(members)):
                    axes.plot(
                        member["step"],
                        member[column],
                        color=colour_of("accent" if number == 0 else "contrast"),
                        ls="-" if number == 0 else (0, (4, 2)),
                        lw=1.8,
                        marker="o" if len(member) == 1 else None,
                        label=None if line else words[column],
                    )
            axes.set_title(title)
            axes.set_xlabel("step")
            axes.grid()
            axes.set_axisbelow(True)
            if index:
                axes.set_ylim(-0.02, 1.02)
                axes.legend(loc="lower right")
        return svg_text(figure, alt)


def panels(image: npt.NDArray[Any], truth: Labels, found: Labels, side: int) -> dict[str, RGB]:
    """Draw an image with its reference masks, its predicted objects and their disagreement.

    Parameters
    ----------
    image : (Y, X) array
        Any range; shown from its percentile 1 to 99.8.
    truth, found : (Y, X) int
        Reference masks and predictions; 0 is background. Pixels that are -1 in the truth are
        left out, see `matching.without_ignored`.
    side : int
        Longest side of a panel in px. Larger images are shrunk, see `shrinkage`, and then shown by
        their busiest part.

    Returns
    -------
    dict of str to (y, x, 3) uint8
        image, reference, predicted and disagreement.
    """
    truth, found = without_ignored(truth, found)
    step = shrinkage(truth, side)
    window = busiest(truth, side * step)
    limits = tuple(np.percentile(image, [1, 99.8]))
    grey = shrink(_grey(image, limits)[window], step).round().astype(np.uint8)
    reference = _enlarged(thin(truth[window], step), side)
    predicted = _enlarged(thin(found[window], step), side)
    plain = np.repeat(_enlarged(grey, side)[..., np.newaxis], 3, axis=2)
    pairs = overlaps(truth, found)
    matched = match(pairs, 0.5)
    is_hit, is_right = np.zeros(truth.max() + 1, bool), np.zeros(found.max() + 1, bool)
    is_hit[np.unique(truth[truth > 0])[pairs.true[matched]]] = True
    is_right[np.unique(found[found > 0])[pairs.predicted[matched]]] = True
    disagreement = _outlined(plain, np.where(is_right[predicted], predicted, 0), "both")
    disagreement = _outlined(disagreement, np.where(is_right[predicted], 0, predicted), "invented")
    disagreement = _outlined(disagreement, np.where(is_hit[reference], 0, reference), "missed")
    return {
        "image": plain,
        "reference": _outlined(plain, reference, "reference"),
        "predicted": _outlined(plain, predicted, "predicted"),
        "disagreement": disagreement,
    }


def shrinkage(labels: Labels, side: int) -> int:
    """Compute by how much to shrink a picture so that about four objects fit side by side.

    Parameters
    ----------
    labels : (Y, X) int
        Reference masks.
    side : int
        Longest side of the picture in px.

    Returns
    -------
    int
        1 if the objects are small enough, or there are none.
    """
    return max(1, math.ceil(4 * median_side(labels) / side))


def overlay(image: npt.NDArray[Any], found: Labels, limits: tuple[float, float], side: int) -> RGB:
    """Draw an image with the outlines of its objects.

    Parameters
    ----------
    image : (Y, X) array
        Any range.
    found : (Y, X) int
        0 is background.
    limits : (float, float)
        Intensities shown as black and as white.
    side : int
        Longest side of the picture in px; smaller images are enlarged as far as they fit.

    Returns
    -------
    (y, x, 3) uint8
        The image with outlines.
    """
    plain = np.repeat(_enlarged(_grey(image, limits), side)[..., np.newaxis], 3, axis=2)
    return _outlined(plain, _enlarged(found, side), "predicted")


def _enlarged(plane: npt.NDArray[Any], side: int) -> npt.NDArray[Any]:
    """Enlarge by a whole factor, to at most `side` px."""
    times = max(1, side // max(plane.shape))
    return np.repeat(np.repeat(plane, times, axis=0), times, axis=1)


def _grey(image: npt.NDArray[Any], limits: tuple[float, float]) -> RGB:
    low, high = limits
    share = np.clip((image - low) / max(float(high - low), 1e-9), 0, 1)
    # The square root keeps dim objects visible next to bright ones.
    return np.round(255 * share**0.6).astype(np.uint8)


def _outlined(picture: RGB, labels: Labels, colour: str) -> RGB:
    inner = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        ahead = np.diff(labels, axis=axis) != 0
        first, last = [slice(None)] * 2, [slice(None)] * 2
        first[axis], last[axis] = slice(None, -1), slice(1, None)
        inner[tuple(first)] |= ahead
        inner[tuple(last)] |= ahead
    out = picture.copy()
    red, green, blue = (round(255 * part) for part in mpl.colors.to_rgb(OUTLINES[colour]))
    out[inner & (labels > 0)] = (red, green, blue)
    return out
