"""Every figure of the report, in one style.

A figure is a function that takes plain tables and returns SVG text. Colours are written as
CSS variables with the light value as fallback, so that the same figure reads on a light page,
on a dark page and, through `standalone`, as a file of its own. Colour never carries meaning
alone: shapes, positions or numbers say the same.
"""

from __future__ import annotations

import hashlib
import io
import math
import re
import textwrap
import unicodedata
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path as Outline
from matplotlib.ticker import MaxNLocator

from moascope.screen.wells import PLATE_SHAPES, row_name

FONT_STACK = (
    'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, '
    '"DejaVu Sans", sans-serif'
)

#: name of the CSS variable -> (on light, on dark). The categories start from Okabe and Ito's
#: colour-blind safe set, darkened or lightened until each has a contrast of 3:1 with the page.
COLOURS: dict[str, tuple[str, str]] = {
    "fg": ("#1c2127", "#e6e9ed"),
    "muted": ("#5a636e", "#a3acb8"),
    "grid": ("#d5dae0", "#3a424c"),
    "paper": ("#ffffff", "#14181d"),
    "accent": ("#0b63a5", "#6cb6f5"),
    "contrast": ("#c24e00", "#ff9a5c"),
    "on-accent": ("#ffffff", "#0d1116"),
    "c0": ("#0072b2", "#5bb0ee"),
    "c1": ("#d55e00", "#ff8f4f"),
    "c2": ("#00875f", "#35c99b"),
    "c3": ("#b5478a", "#ea96c6"),
    "c4": ("#a87400", "#e8bb3a"),
    "c5": ("#4b3f9e", "#a79dff"),
    "c6": ("#5c636a", "#b6bdc5"),
    "c7": ("#8c1c2c", "#ff8290"),
    "c8": ("#67760f", "#bccc52"),
    "c9": ("#7a4a21", "#cfa176"),
    "c10": ("#0f7c8a", "#5fcbd8"),
    "c11": ("#d12f68", "#ff93b6"),
}
N_CATEGORIES = 12
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "*", "h")

# Matplotlib only knows real colours, so each name travels as one that no figure uses otherwise.
_SENTINELS = {name: f"#fe0d{index:02x}" for index, name in enumerate(COLOURS)}

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a compound may be called "$x$"
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.0,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _SENTINELS["muted"],
    "axes.labelcolor": _SENTINELS["fg"],
    "axes.titlecolor": _SENTINELS["fg"],
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "text.color": _SENTINELS["fg"],
    # Also what is invisible is written with a colour.
    "lines.color": _SENTINELS["fg"],
    "axes.prop_cycle": f"cycler(color=['{_SENTINELS['fg']}'])",
    "xtick.color": _SENTINELS["muted"],
    "ytick.color": _SENTINELS["muted"],
    "xtick.labelcolor": _SENTINELS["fg"],
    "ytick.labelcolor": _SENTINELS["fg"],
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "grid.color": _SENTINELS["grid"],
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
}


def style_sheet() -> str:
    """Give the CSS that the figures need: the colour variables, light and dark."""
    light = "".join(f"--{name}:{pair[0]};" for name, pair in COLOURS.items())
    dark = "".join(f"--{name}:{pair[1]};" for name, pair in COLOURS.items())
    return (
        f":root{{{light}}}\n@media (prefers-color-scheme: dark){{:root{{{dark}}}}}\n"
        "svg.figure *{stroke-linejoin:round}"
    )


def standalone(svg: str) -> str:
    """Turn a figure into a file of its own, with background, fonts and both colour schemes.

    Parameters
    ----------
    svg : str
        What a function of this module returned.

    Returns
    -------
    str
        A complete SVG document.
    """
    css = f"{style_sheet()}\nsvg{{font-family:{FONT_STACK};background:var(--paper)}}"
    head, rest = svg.split(">", 1)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{head}><style>{css}</style>{rest}'


def new_figure(width: float, height: float) -> Figure:
    """Give an empty figure of a size in CSS pixels (96 per inch)."""
    figure = Figure(figsize=(width / 96, height / 96))
    FigureCanvasSVG(figure)
    return figure


def notice(text: str) -> str:
    """Draw a figure that says why there is nothing to draw.

    Parameters
    ----------
    text : str
        A sentence.

    Returns
    -------
    str
        SVG text.
    """
    lines = textwrap.wrap(text, 60)
    with mpl.rc_context(STYLE):
        figure = new_figure(480, 24 + 18 * len(lines))
        figure.text(0.03, 0.5, "\n".join(lines), va="center", color=colour_of("muted"))
    return svg_text(figure, text)


def colour_of(name: str) -> str:
    """Give a colour of `COLOURS`, which follows the light or dark scheme of the page."""
    return _SENTINELS[name]


def category_colour(index: int) -> str:
    """Give the colour of a category; they repeat after `N_CATEGORIES`."""
    return _SENTINELS[f"c{index % N_CATEGORIES}"]


def marker_of(index: int) -> str:
    """Give a shape; the second dozen of categories pairs each colour with the next shape."""
    return MARKERS[(index + index // N_CATEGORIES) % len(MARKERS)]


def svg_text(figure: Figure, alt: str) -> str:
    """Render a figure and make it fit for a page: see the module's docstring."""
    buffer = io.StringIO()
    with mpl.rc_context({**STYLE, "svg.hashsalt": "moascope"}), warnings.catch_warnings():
        # The reader's fonts draw the text, so that it does not matter what Matplotlib's lack.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"<[^>]+>", _compact_tag, text)
    text = re.sub(r">\s+<", "><", text)
    for name, sentinel in _SENTINELS.items():
        text = text.replace(sentinel, f"var(--{name},{COLOURS[name][0]})")
    # Several figures share one page, where an id may stand only once.
    prefix = "f" + hashlib.sha256((alt + text).encode()).hexdigest()[:8]
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}-", text)
    width, height = figure.get_size_inches() * 96
    box = re.search(r'viewBox="[^"]*"', text)
    opening = (
        '<svg class="figure" xmlns="http://www.w3.org/2000/svg" '
        f'xmlns:xlink="http://www.w3.org/1999/xlink" {box.group(0) if box else ""} '
        f'width="{width:.0f}" height="{height:.0f}" role="img" '
        f'aria-label="{escape(alt)}">'
    )
    return opening + text.split(">", 1)[1].strip()


def _compact_tag(match: re.Match[str]) -> str:
    tag = re.sub(r"\s+", " ", match.group(0))
    tag = tag.replace("stroke: #000000; stroke-opacity: 0", "stroke: none")
    tag = re.sub(r"font-family: [^;\"]*;? ?", "", tag)
    tag = re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number.group(0)):.2f}", tag)
    return tag.replace(' transform="rotate(-0 ', ' data-r="').replace(' style=""', "")


def text_width(text: str, points: float) -> float:
    """Estimate the width of a text in CSS pixels, on the safe side for the common sans fonts."""
    widths = [1.05 if unicodedata.east_asian_width(c) in "WF" else 0.63 for c in text]
    return sum(widths) * points * 96 / 72


def _widest(names: Sequence[str], points: float) -> float:
    lines = [line for name in names for line in name.split("\n")]
    return max((text_width(line, points) for line in lines), default=0.0)


def shortened(text: str, length: int = 28) -> str:
    """Cut a name to a length, with an ellipsis where something was cut."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def distinct_labels(names: Sequence[str], length: int = 28) -> list[str]:
    """Shorten names so that different names stay different.

    Parameters
    ----------
    names : sequence of str
        As they are.
    length : int
        Characters that a name may have where that suffices.

    Returns
    -------
    list of str
        Long names are cut at their end, or, where they begin alike, in their middle; where these
        are alike too they are longer.
    """
    limit = max((len(name) for name in names), default=0)
    found = {name: shortened(name, length) for name in names}
    while length <= limit and len(set(found.values())) < len(found):
        shared = Counter(found.values())
        for name, label in found.items():
            if shared[label] > 1:
                tail = length // 2
                head = name[: length - tail - 1].rstrip()
                found[name] = f"{head}…{name[-tail:].lstrip()}" if len(name) > length else name
        length += 4
    if len(set(found.values())) < len(found):
        return list(names)
    return [found[name] for name in names]


def wrapped_labels(names: Sequence[str], width: int = 22, lines: int = 2) -> list[str]:
    """Break names between words into a few lines; shorten those that need more lines."""
    short = dict(zip(names, distinct_labels(names, width * lines), strict=True))
    return ["\n".join(textwrap.wrap(short[name], width, max_lines=lines)) or name for name in names]


# --- accuracy beside baselines ---------------------------------------------------------------


@dataclass(frozen=True)
class ForestRow:
    """One line of the forest plot.

    Attributes
    ----------
    label : str
        Name of the model or baseline, or the heading of a group of rows.
    kind : {"heading", "model", "baseline"}
        How it is drawn.
    values : mapping of str to (value, low, high)
        By metric, each a share in [0, 1]; low and high may be NaN where no interval is known.
    """

    label: str
    kind: str
    values: Mapping[str, tuple[float, float, float]]


def accuracy_forest(
    rows: Sequence[ForestRow], metrics: Sequence[str], alt: str, *, narrow: bool = False
) -> str:
    """Draw scores with their confidence intervals, models beside baselines.

    Parameters
    ----------
    rows : sequence of ForestRow
        From top to bottom.
    metrics : sequence of str
        Keys of `ForestRow.values`, one panel each.
    alt : str
        Text for those who cannot see the figure.
    narrow : bool
        For the screen of a telephone: panels one below the other, names above their points.

    Returns
    -------
    str
        SVG text.
    """
    labels = distinct_labels([row.label for row in rows], 34)
    if narrow:
        return _narrow_forest(rows, metrics, labels, alt)
    with mpl.rc_context(STYLE):
        label_width = 16 + _widest(labels, 8.5)
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
            # Half a row lower than the names, which stand above their points.
            axes.set_ylim(len(rows) - 0.6, -0.8)
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
            # Not cut at the edge, where the best and the worst scores lie.
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
        # Beside the interval, on the side where there is room.
        right = max(high, value) if math.isfinite(high) else value
        left = min(low, value) if math.isfinite(low) else value
        known = math.isfinite(low) and math.isfinite(high)
        there = right < (0.84 if known else 0.5)
        axes.annotate(
            f"{100 * value:.1f}" + ("" if known else ", no interval"),
            (right if there else left, position),
            xytext=(7 if there else -7, 0),
            textcoords="offset points",
            ha="left" if there else "right",
            va="center",
            fontsize=8.5,
            fontweight="bold" if model else "normal",
        )
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(len(rows) - 0.5, -0.5)
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


# --- confusion ---------------------------------------------------------------------------------


def confusion_matrix(counts: npt.ArrayLike, classes: Sequence[str], alt: str) -> str:
    """Draw a confusion matrix with counts and the share of each true class.

    Parameters
    ----------
    counts : array-like of int, shape (k, k)
        Rows are true classes, columns predicted ones.
    classes : sequence of str, length k
        Names in the order of `counts`.
    alt : str
        Text for those who cannot see the figure.

    Returns
    -------
    str
        SVG text.
    """
    matrix = np.asarray(counts, dtype=float)
    totals = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, totals, out=np.zeros_like(matrix), where=totals > 0)
    n = len(classes)
    names = wrapped_labels(classes)
    longest = _widest(names, 8.5) + 12 * max(name.count("\n") for name in names)
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
    frame = (column + 0.03, row + 0.03), 0.94, 0.94
    axes.add_patch(Rectangle(*frame, fc=colour_of("grid"), ec="none", alpha=0.25))
    if not count:
        return
    # Never darker than this, so that one ink is legible on every cell of either colour scheme.
    right = row == column
    hue = colour_of("accent" if right else "contrast")
    # Wrong calls are few: the square root keeps small shares apart.
    alpha = 0.08 + 0.40 * (share if right else math.sqrt(share))
    axes.add_patch(Rectangle(*frame, fc=hue, ec="none", alpha=alpha))
    weight = "bold" if right else "normal"
    text: dict[str, Any] = {"ha": "center", "va": "center"}
    if small:
        label = f"{100 * share:.0f}" if share >= 0.005 else "<1"
        axes.text(column + 0.5, row + 0.5, label, fontsize=8, weight=weight, **text)
        return
    label = f"{100 * share:.0f}%" if share >= 0.005 else "<1%"
    axes.text(column + 0.5, row + 0.42, label, fontsize=9.5, weight=weight, **text)
    axes.text(column + 0.5, row + 0.74, f"{count:.0f}", fontsize=7.5, **text)


# --- calibration -------------------------------------------------------------------------------


def reliability_diagram(
    confidence: npt.ArrayLike, accuracy: npt.ArrayLike, counts: npt.ArrayLike, alt: str
) -> str:
    """Draw how often predictions of a given confidence are right.

    Parameters
    ----------
    confidence, accuracy : array-like of float, shape (b,)
        Mean confidence and share of right predictions of each bin, in [0, 1]. NaN: empty bin.
    counts : array-like of int, shape (b,)
        Predictions in each bin.
    alt : str
        Text for those who cannot see the figure.

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
        # Larger points stand on more calls.
        area = 15 + 75 * n / n.max() if len(n) else n
        axes.scatter(
            x, y, s=area, color=colour_of("accent"), ec=colour_of("paper"), lw=0.8, zorder=3
        )
        axes.legend(loc="lower right")
        axes.set_xlim(0, 1.02)
        axes.set_ylim(0, 1.02)
        axes.set_xticks(np.linspace(0, 1, 6), [])
        axes.set_yticks(np.linspace(0, 1, 6), [f"{100 * t:.0f}" for t in np.linspace(0, 1, 6)])
        axes.set_ylabel("right, %")
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


# --- training curves ---------------------------------------------------------------------------


def training_curves(history: pd.DataFrame, alt: str) -> str:
    """Draw loss and accuracy over epochs, a thin line per fold and the median of the folds.

    Parameters
    ----------
    history : pandas.DataFrame
        Columns repeat, fold, epoch, loss, accuracy and, with a validation set, val_loss and
        val_accuracy.
    alt : str
        Text for those who cannot see the figure.

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


# --- embedding ---------------------------------------------------------------------------------


def embedding_map(
    features: npt.NDArray[np.floating], seed: int, max_points: int = 2000
) -> pd.DataFrame:
    """Lay features out in the plane: principal components, and t-SNE of the first 50.

    Parameters
    ----------
    features : ndarray of float, shape (n, d)
        May be memory-mapped; only the rows drawn are read.
    seed : int
        Of the choice of rows and of t-SNE.
    max_points : int
        With more rows than this, as many are drawn at random.

    Returns
    -------
    pandas.DataFrame
        Columns row (index into `features`), pca_1, pca_2 and, for at least 5 rows that are not all
        alike, tsne_1, tsne_2. `attrs["explained"]` holds the share of variance of the two
        components, 0 where there is none.
        van der Maaten and Hinton 2008.
    """
    from sklearn.decomposition import PCA  # noqa: PLC0415  (slow to import, rarely needed)
    from sklearn.manifold import TSNE  # noqa: PLC0415

    n = len(features)
    rows = np.arange(n)
    if n > max_points:
        rows = np.sort(np.random.default_rng(seed).choice(n, max_points, replace=False))
    values = np.asarray(features[rows], dtype=np.float64)
    table = pd.DataFrame({"row": rows, "pca_1": 0.0, "pca_2": 0.0})
    table.attrs["explained"] = [0.0, 0.0]
    spread = values.std(axis=0)
    if not spread.any():
        return table
    # Features of a network and hand-crafted ones differ in scale.
    values = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1)
    kept = min(50, *values.shape)
    pca = PCA(kept, random_state=seed)
    scores = pca.fit_transform(values)
    if kept < 2:
        scores = np.pad(scores, ((0, 0), (0, 2 - kept)))
    table["pca_1"], table["pca_2"] = scores[:, 0], scores[:, 1]
    if len(rows) >= 5:
        perplexity = min(30.0, (len(rows) - 1) / 3)
        # Half of the usual iterations: nothing moves visibly after them.
        layout = TSNE(2, perplexity=perplexity, init="pca", max_iter=500, random_state=seed)
        plane = layout.fit_transform(scores)
        table["tsne_1"], table["tsne_2"] = plane[:, 0], plane[:, 1]
    table.attrs["explained"] = [*map(float, pca.explained_variance_ratio_[:2]), 0.0][:2]
    return table


def scatter_map(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    groups: Sequence[str],
    *,
    order: Sequence[str],
    labels: tuple[str, str],
    alt: str,
) -> str:
    """Draw points in the plane, a colour and a shape per group, with the legend below.

    Parameters
    ----------
    x, y : array-like of float, shape (n,)
        Coordinates.
    groups : sequence of str, length n
        Group of each point.
    order : sequence of str
        The groups in the order of the legend: it fixes colour and shape, so that the same class
        looks the same in every figure.
    labels : (str, str)
        Axis labels.
    alt : str
        Text for those who cannot see the figure.

    Returns
    -------
    str
        SVG text.
    """
    x, y, names = np.asarray(x, float), np.asarray(y, float), np.asarray(groups, dtype=object)
    shown = distinct_labels(order, 30)
    longest = _widest(shown, 8.5)
    columns = 2 if longest < 118 else 1
    lines = math.ceil(len(order) / columns)
    width, plot = 316, 276
    height = plot + 34 + 17 * lines
    size = 5.5 if len(x) <= 300 else 4.2 if len(x) <= 1000 else 3.2
    with mpl.rc_context(STYLE):
        figure = new_figure(width, height)
        axes = figure.add_axes(
            (24 / width, 1 - (plot + 6) / height, (width - 34) / width, plot / height)
        )
        for index, group in enumerate(order):
            chosen = names == group
            axes.plot(
                x[chosen],
                y[chosen],
                ls="",
                marker=marker_of(index),
                ms=size,
                mfc=category_colour(index),
                mec="none",
                alpha=0.75,
            )
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_xlabel(labels[0], color=colour_of("muted"))
        axes.set_ylabel(labels[1], color=colour_of("muted"))
        axes.margins(0.03)
        handles = [
            Line2D(
                [],
                [],
                ls="",
                marker=marker_of(i),
                ms=6.5,
                mfc=category_colour(i),
                mec="none",
            )
            for i in range(len(order))
        ]
        figure.legend(
            handles,
            shown,
            loc="lower left",
            bbox_to_anchor=(10 / width, 0),
            ncols=columns,
            handletextpad=0.2,
            columnspacing=1.2,
            labelspacing=0.35,
        )
        return svg_text(figure, alt)


# --- splits ------------------------------------------------------------------------------------

SETS = ("train", "validation", "test")


def split_picture(
    sets: Sequence[Sequence[str]],
    groups: Sequence[str],
    folds: int,
    sections: Sequence[str],
    alt: str,
) -> str:
    """Draw which group is in which set of which fold.

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
        Text for those who cannot see the figure.

    Returns
    -------
    str
        SVG text.
    """
    cell = 15 if len(groups) > 24 else 18
    names = distinct_labels(groups, 24)
    # The word above the names needs room as well, where they are short.
    left = 14 + _widest([*names, "fold"], 8)
    sections = distinct_labels(sections, 26)
    right = 22 + _widest(sections, 8)
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
        step = 1 if cell * 1 >= 17 or folds <= 9 else 2
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
    """Mark every cell; shape says the same as colour. One path per set keeps the file small."""
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
                else _squares(columns, rows, half),
                fc=colour_of(colour),
                ec="none",
                alpha=alpha,
            )
        )
    rows, columns = np.nonzero(state == "")
    if len(rows):
        axes.add_patch(PathPatch(_squares(columns, rows, 0.06), fc=colour_of("muted"), ec="none"))


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
    """Draw how many units each fold trains, validates and tests on.

    Parameters
    ----------
    counts : pandas.DataFrame
        One row per fold (index: its name), integer columns train, validation, test.
    alt : str
        Text for those who cannot see the figure.

    Returns
    -------
    str
        SVG text.
    """
    names = distinct_labels([str(name) for name in counts.index], 24)
    left = 14 + _widest(names, 8.5)
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


def _squares(x: npt.NDArray[np.integer], y: npt.NDArray[np.integer], half: float) -> Outline:
    return _polygons(x, y, half * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]))


def _diamonds(x: npt.NDArray[np.integer], y: npt.NDArray[np.integer], half: float) -> Outline:
    return _polygons(x, y, half * np.array([(0, -1), (1, 0), (0, 1), (-1, 0)]))


def _polygons(
    x: npt.NDArray[np.integer], y: npt.NDArray[np.integer], corners: npt.NDArray[np.floating]
) -> Outline:
    centres = np.stack([x, y], axis=1).astype(float)[:, None]
    points = np.concatenate([centres + corners, centres + corners[:1]], axis=1)
    codes = [Outline.MOVETO] + [Outline.LINETO] * (len(corners) - 1) + [Outline.CLOSEPOLY]
    return Outline(points.reshape(-1, 2), np.tile(codes, len(centres)))


# --- plates ------------------------------------------------------------------------------------

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
    """Draw one value per well where the well lies, and a cross where the well is flagged.

    Parameters
    ----------
    wells : pandas.DataFrame
        Columns row and col (from 0), value, flagged (bool). Wells without a row are not imaged.
    plate_format : {96, 384, 1536}
        Wells of the plate.
    title : str
        What the value is.
    limits : (float, float)
        Values that get the faintest and the strongest colour; more extreme ones are clipped.
        With `diverging` the middle of both is the faintest.
    tick_format : str
        Format of the numbers of the colour key, such as ".0%".
    alt : str
        Text for those who cannot see the figure.
    diverging : bool
        Two colours, one to each side of the middle.

    Returns
    -------
    str
        SVG text. Values fall into seven levels: at the size of a well the eye tells no more apart.
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
            PathPatch(_squares(off[1], off[0], 0.07), fc=colour_of("muted"), ec="none", alpha=0.6)
        )
        for k in range(_LEVELS):
            chosen = np.isfinite(value) & (level == k)
            if chosen.any():
                colour, alpha = _level_look(k, diverging=diverging)
                axes.add_patch(
                    PathPatch(
                        _squares(columns[chosen], rows[chosen], 0.45),
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
