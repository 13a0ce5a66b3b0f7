"""Maps of features in the plane."""

from __future__ import annotations

import math
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.lines import Line2D

from moascope.report.figures.style import (
    STYLE,
    category_colour,
    colour_of,
    marker_of,
    new_figure,
    shorten_labels,
    svg_text,
    widest,
)


def embedding_map(
    features: npt.NDArray[np.floating], seed: int, max_points: int = 2000
) -> pd.DataFrame:
    """Compute principal components of features, and t-SNE of the first 50.

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
        Alternative text.

    Returns
    -------
    str
        SVG text.
    """
    x, y, names = np.asarray(x, float), np.asarray(y, float), np.asarray(groups, dtype=object)
    shown = shorten_labels(order, 30)
    longest = widest(shown, 8.5)
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
