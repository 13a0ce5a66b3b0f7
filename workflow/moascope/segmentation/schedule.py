"""The course of a segmentation training: learning rate, validations, when to stop, what to keep.

Networks of different libraries follow the same course, so this imports none of them.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from moascope.core.errors import RunWarning
from moascope.segmentation.engines.options.training import NetworkTraining
from moascope.segmentation.matching import Tally, average_precision, pooled

logger = logging.getLogger(__name__)

HISTORY_COLUMNS = ("step", "loss", "ap_50", "mean_ap", "learning_rate", "minutes")
"""What is known after each validation; a mapping with these keys is a row of the history."""

_LOWEST_RATE = 0.01  # of the learning rate, at the end of the schedule


def position(history: Sequence[Mapping[str, float]]) -> tuple[int, float]:
    """Return the steps and minutes of training so far."""
    return (int(history[-1]["step"]), history[-1]["minutes"]) if history else (0, 0.0)


def is_out_of_time(training: NetworkTraining, minutes: float) -> bool:
    """Check whether so many minutes of training are as many as allowed."""
    return training.max_minutes is not None and minutes >= training.max_minutes


def rate_of(training: NetworkTraining, step: int) -> float:
    """Compute the learning rate of a step, counted from 0. It depends on nothing else."""
    progress = step / training.steps
    if progress < training.warm_up:
        share = (progress + 1 / training.steps) / training.warm_up
        return training.learning_rate * min(1.0, share)
    falling = (progress - training.warm_up) / (1 - training.warm_up)
    share = _LOWEST_RATE + (1 - _LOWEST_RATE) * 0.5 * (1 + math.cos(math.pi * falling))
    return training.learning_rate * share


def scores_of(tallies: Sequence[Tally]) -> dict[str, float]:
    """Return `ap_50` and `mean_ap` (IoU 0.50 to 0.90), pooled over objects; NaN without images."""
    if not tallies:
        return {"ap_50": math.nan, "mean_ap": math.nan}
    ap = average_precision(pooled(tallies))
    return {"ap_50": float(ap[0]), "mean_ap": float(ap.mean())}


def is_best(history: Sequence[Mapping[str, float]]) -> bool:
    """Return whether no earlier weights were better than the last; without a score, those are."""
    *earlier, last = (row["mean_ap"] for row in history)
    return not any(last < score for score in earlier)


def stopped_by(
    history: Sequence[Mapping[str, float]], training: NetworkTraining
) -> Literal["steps", "max_minutes", "patience"] | None:
    """Return the option that ends the training after these validations; None: go on."""
    step, minutes = position(history)
    if step >= training.steps:
        return "steps"
    scores = [row["mean_ap"] for row in history if not math.isnan(row["mean_ap"])]
    if training.patience and scores:
        since = len(scores) - 1 - int(np.argmax(scores))
        if since >= training.patience:
            return "patience"
    return "max_minutes" if is_out_of_time(training, minutes) else None


def log_stop(history: Sequence[Mapping[str, float]], training: NetworkTraining) -> None:
    """Log what ended the training, as a warning where that was the time."""
    reason = stopped_by(history, training)
    if reason == "patience":
        logger.info("no better mean AP for %d validations: stopped early", training.patience)
    if reason == "max_minutes":
        logger.warning("training %s", _cut_short([position(history)[0]], training))


def stop_warnings(name: str, history: pd.DataFrame, training: NetworkTraining) -> list[RunWarning]:
    """Compose the warning about a training that `max_minutes` cut short, as for summary.json.

    Parameters
    ----------
    name : str
        Name of the engine.
    history : pandas.DataFrame
        Its training curve: `HISTORY_COLUMNS`, and member where several networks were trained.
    training : NetworkTraining
        What it was trained with.

    Returns
    -------
    list of RunWarning
        About the engine; empty where no network was cut short.
    """
    members = history["member"] if "member" in history else [0] * len(history)
    rows: list[list[Any]] = [part.to_dict("records") for _, part in history.groupby(members)]
    cut = [part for part in rows if stopped_by(part, training) == "max_minutes"]
    if not cut:
        return []
    text = _cut_short([position(part)[0] for part in cut], training)
    return [{"id": "training-cut-short", "about": name, "text": f"The training {text}"}]


def _cut_short(steps: Sequence[int], training: NetworkTraining) -> str:
    """Compose the end of a sentence about networks that were trained for too few steps."""
    counts = " and ".join(f"{step:,}" for step in steps)
    return (
        f"stopped at max_minutes ({training.max_minutes:g}) after {counts} of {training.steps:,} "
        "steps, while the learning rate was still high. A complete training gives a better "
        "network. Raise training.max_minutes, or lower training.steps."
    )


def log_validation(row: Mapping[str, float], training: NetworkTraining, progress: str = "") -> None:
    """Log how far the training is; `progress` says how fast it is."""
    validation = ""
    if not math.isnan(row["mean_ap"]):
        validation = f", validation AP@0.5 {row['ap_50']:.3f}, mean AP {row['mean_ap']:.3f}"
    logger.info(
        "step %d/%d: loss %.4f%s (rate %.2g, %.1f min%s)",
        row["step"],
        training.steps,
        row["loss"],
        validation,
        row["learning_rate"],
        row["minutes"],
        f", {progress}" if progress else "",
    )
