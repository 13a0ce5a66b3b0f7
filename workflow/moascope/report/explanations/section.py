"""Galleries of maps and tables of altered units."""

from __future__ import annotations

import base64
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd

from moascope.classification.explanation.halving import find_halving
from moascope.classification.explanation.methods import get
from moascope.images.resampling import resize
from moascope.report.context import Context
from moascope.report.figures import pictures
from moascope.report.tiles import Painter
from moascope.report.wording import percent

_MAP = mpl.colormaps["inferno"]


def explanation_section(context: Context, name: str, painter: Painter) -> dict[str, Any] | None:
    """Return the galleries and tables of a model for the template.

    Parameters
    ----------
    context : Context
        From `context.load_context`.
    name : str
        Of the model.
    painter : Painter
        Draws the units.

    Returns
    -------
    dict or None
        None for models that are not explained.
    """
    found = context.explanations.get(name)
    if found is None:
        return None
    units = context.units.set_index("unit_id")
    groups: list[dict[str, Any]] = []
    for number, (unit, true, called) in enumerate(found.units.itertuples(index=False, name=None)):
        if not groups or groups[-1]["name"] != true:
            groups.append({"name": true, "rows": []})
        tile = painter.tile(unit, units)
        overlays = [
            {
                "src": _overlay(painter, context.images[unit], maps[number].astype(np.float32)),
                "alt": f"{get(method).title} of {unit} for {called}",
                "title": get(method).title,
            }
            for method, maps in found.maps.items()
        ]
        groups[-1]["rows"].append(
            {"tile": tile, "true": true, "called": called, "overlays": overlays}
        )
    scores = found.scores
    return {
        "has_folds": context.models[name].config["transfer"] != "frozen",
        "groups": groups if found.maps else [],
        "n": int(scores["n"].iloc[0]) if len(scores) else 0,
        "unaltered": percent(next(iter(_accuracies(scores, "unaltered")), None)),
        "channels": _channel_rows(scores),
        "robustness": robustness_rows(scores),
        "attack": attack_counts(scores),
    }


def _overlay(painter: Painter, image: pictures.Array, values: pictures.Array) -> str:
    """Draw a map over the grey image as the data URL of a JPEG."""
    rgb = painter.draw(image)
    grey = np.repeat(rgb.mean(axis=-1, keepdims=True), 3, axis=-1)
    small = np.clip(resize(values, (rgb.shape[0], rgb.shape[1])), 0, 1)[..., None]
    colours = _MAP(0.25 + 0.75 * small[..., 0])[..., :3] * 255
    mixed: npt.NDArray[np.uint8] = np.round(grey * (1 - 0.75 * small) + colours * 0.75 * small)
    encoded = base64.b64encode(pictures.jpeg(mixed.astype(np.uint8))).decode("ascii")
    return f"data:image/jpeg;base64,{encoded}"


def _channel_rows(scores: pd.DataFrame) -> list[dict[str, str]]:
    """Return the accuracy without each channel, the most important first."""
    whole = _accuracies(scores, "unaltered")
    rows = scores[scores["method"] == "channel-ablation"].sort_values("accuracy", kind="stable")
    left = zip(rows["target"].astype(str).tolist(), rows["accuracy"].tolist(), strict=True)
    return [
        {"channel": channel, "accuracy": percent(share), "lost": percent(whole[0] - share)}
        for channel, share in left
    ]


def _accuracies(scores: pd.DataFrame, method: str) -> list[float]:
    found: list[float] = scores.loc[scores["method"] == method, "accuracy"].tolist()
    return found


def robustness_rows(scores: pd.DataFrame) -> list[dict[str, str]]:
    """Return the strength at which accuracy halves, and the accuracy at every strength.

    Parameters
    ----------
    scores : pandas.DataFrame
        Of a model.

    Returns
    -------
    list of dict
        name, unit, halving and accuracies, by alteration.
    """
    whole = _accuracies(scores, "unaltered")
    rows = []
    for target, found in scores[scores["method"] == "robustness"].groupby("target", sort=False):
        name, _, unit = str(target).partition(", ")
        strengths, accuracies = found["strength"].tolist(), found["accuracy"].tolist()
        halving = find_halving(whole[0], strengths, accuracies)
        above = f"above {strengths[-1]:g}"
        steps = [f"{a:g}: {percent(b, 0)}" for a, b in zip(strengths, accuracies, strict=True)]
        rows.append(
            {
                "name": name,
                "unit": unit,
                "halving": above if np.isnan(halving) else f"{halving:.2g}",
                "accuracies": " · ".join(steps),
            }
        )
    return rows


def attack_counts(scores: pd.DataFrame) -> dict[str, int] | None:
    """Return how many units a one-pixel attack was tried on, and how many it flipped.

    Parameters
    ----------
    scores : pandas.DataFrame
        Of a model.

    Returns
    -------
    dict or None
        n and flipped; None where no unit was attacked.
    """
    rows = scores[scores["method"] == "one-pixel"]
    if rows["n"].sum() == 0:
        return None
    n, correct = int(rows["n"].sum()), int(rows["correct"].sum())
    return {"n": n, "flipped": n - correct}
