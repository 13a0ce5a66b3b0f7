"""Rows of the tables of scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

from moascope.classification.evaluation.documents import (
    SCORES,
    LevelScores,
    ModelScores,
    Score,
    ScoreName,
    Scores,
)
from moascope.classification.evaluation.levels import scored_levels
from moascope.classification.evaluation.permutation import LABELS
from moascope.report import verdicts, wording
from moascope.report.context import (
    Context,
)
from moascope.report.figures import scores as figures
from moascope.report.wording import ScoreText, join_names, percent

_SHOWN_IN_FIGURE: dict[str, ScoreName] = {
    "accuracy": "accuracy",
    "balanced accuracy": "balanced_accuracy",
}


class ScoreRow(TypedDict):
    """Row of the table of scores. A heading has a kind and a label only."""

    kind: str
    """heading, model or baseline."""
    label: str
    """The first cell."""
    n: NotRequired[int]
    """Units; none for a null."""
    accuracy: NotRequired[ScoreText]
    balanced_accuracy: NotRequired[ScoreText]
    macro_f1: NotRequired[ScoreText]
    levels: NotRequired[dict[str, ScoreText]]
    """Accuracy by the other levels, in the plural."""
    roc_auc: NotRequired[str]
    calibration_error: NotRequired[str]
    drawn: NotRequired[dict[str, Score]]
    """Scores of the figure, by their name there."""


def score_table(context: Context) -> list[ScoreRow]:
    """Return the rows of the table of scores.

    Parameters
    ----------
    context : Context
        With models.

    Returns
    -------
    list of ScoreRow
        By split a heading, its models, its baselines and the permutation nulls.
    """
    rows: list[ScoreRow] = []
    for split in context.splits:
        models = {
            name: model.evaluation
            for name, model in context.models.items()
            if model.evaluation["split"] == split
        }
        if not models:
            continue
        rows.append({"kind": "heading", "label": split})
        rows.extend(score_row("model", name, entry) for name, entry in models.items())
        # Models of one split share its baselines, unless they classify different units.
        seen = set()
        for entry in models.values():
            for name, baseline in verdicts.comparators(entry).items():
                key = (name, baseline["accuracy"]["value"])
                if key not in seen:
                    seen.add(key)
                    label = wording.baseline_name(name)
                    rows.append(score_row("baseline", label, baseline))
        for name, entry in models.items():
            if entry["accuracy"].get("null"):
                word = context.options.words.labels
                label = f"permuted {word}" + (f", {name}" if len(models) > 1 else "")
                if entry["accuracy"]["null"]["how"] == LABELS:
                    label += " (truth only)"
                rows.append(null_row(label, entry))
    return rows


def null_row(label: str, entry: ModelScores) -> ScoreRow:
    """Return the permutation null of a model as the row of a baseline."""
    found = {name: _null_of(entry, name) for name in SCORES}
    return {
        "kind": "baseline",
        "label": label,
        "accuracy": wording.score(found["accuracy"]),
        "balanced_accuracy": wording.score(found["balanced_accuracy"]),
        "macro_f1": wording.score(found["macro_f1"]),
        "levels": {
            level: wording.score(_null_of(scores, "accuracy"))
            for level, scores in scored_levels(entry).items()
        },
        "roc_auc": _plain(found["roc_auc"]),
        "calibration_error": percent(None),
        "drawn": _drawn(found),
    }


def _null_of(entry: LevelScores, name: ScoreName) -> Score | None:
    """Return the permutation null of a score as a score; None where there is none."""
    found = entry.get(name)
    null = found.get("null") if found else None
    if found is None or null is None:
        return None
    return {"value": null["mean"], "ci": null["interval"], "level": found["level"]}


def _drawn(found: Mapping[ScoreName, Score | None]) -> dict[str, Score]:
    """Return the scores that the figure shows, by their name there."""
    named = {title: found.get(name) for title, name in _SHOWN_IN_FIGURE.items()}
    return {title: score for title, score in named.items() if score}


def comparison_rows(entry: ModelScores) -> list[dict[str, Any]]:
    """Return a row per other model and baseline: the difference in percentage points."""
    levels = {level: found for level, found in scored_levels(entry).items() if level != "wells"}
    of_models = {level: found.get("model_comparisons", {}) for level, found in levels.items()}
    of_baselines = {level: found.get("comparisons", {}) for level, found in levels.items()}
    compared = [
        (f"model {name}", name, scores, of_models)
        for name, scores in entry.get("model_comparisons", {}).items()
    ]
    compared += [
        (wording.baseline_name(name), name, scores, of_baselines)
        for name, scores in entry.get("comparisons", {}).items()
    ]
    rows = []
    for title, name, scores, by_level in compared:
        coarse = {
            level: found[name]["accuracy"] for level, found in by_level.items() if name in found
        }
        rows.append(
            {
                "name": title,
                "accuracy": wording.format_difference(scores["accuracy"], ""),
                "p": f"{scores['accuracy']['p']:.2g}" if "p" in scores["accuracy"] else "–",
                "balanced_accuracy": wording.format_difference(scores["balanced_accuracy"], ""),
                "coarse": {
                    level: wording.format_difference(found, "") for level, found in coarse.items()
                },
            }
        )
    return rows


def selection_rows(entry: ModelScores) -> list[dict[str, str]]:
    """Return a row per candidate of a nested selection."""
    return [
        {
            "name": name,
            "folds": f"{found['folds']:,}",
            "balanced_accuracy": percent(found["balanced_accuracy"]),
        }
        for name, found in entry.get("selection", {}).items()
    ]


def place_rows(entry: ModelScores) -> list[dict[str, str]]:
    """Return a row per kind of place: its association with the class."""
    return [
        {
            "name": kind,
            "places": f"{found['places']:,}",
            "cramers_v": _two_digits(found.get("cramers_v")),
            "single": join_names(f"{label} ({place})" for label, place in found["single"].items()),
        }
        for kind, found in entry.get("confounding", {}).items()
    ]


def _two_digits(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def score_row(kind: str, label: str, entry: Scores) -> ScoreRow:
    """Return the scores of a model or baseline as text.

    Parameters
    ----------
    kind : {"model", "baseline"}
        How the row is shown.
    label : str
        Its first cell.
    entry : Scores
        Of the model or baseline.

    Returns
    -------
    ScoreRow
        Scores in per cent.
    """
    return {
        "kind": kind,
        "label": label,
        "n": entry["n"],
        "accuracy": wording.score(entry.get("accuracy")),
        "balanced_accuracy": wording.score(entry.get("balanced_accuracy")),
        "macro_f1": wording.score(entry.get("macro_f1")),
        "levels": {
            level: wording.score(found.get("accuracy"))
            for level, found in scored_levels(entry).items()
        },
        "roc_auc": _plain(entry.get("roc_auc")),
        "calibration_error": percent(entry.get("calibration_error")),
        "drawn": _drawn({name: entry.get(name) for name in SCORES}),
    }


def ladder_rows(context: Context) -> list[dict[str, Any]]:
    """Return a row per model and ensemble: its errors with their interval.

    Parameters
    ----------
    context : Context
        From `context.load_context`.

    Returns
    -------
    list of dict
        In the order of the configuration, ensembles last: name, is_ensemble, split, n (test units),
        errors (their number, a mean over repetitions), interval (of the same), error and
        error_interval (in %), repeats.
    """
    entries = [
        *((name, False, model.evaluation) for name, model in context.models.items()),
        *((name, True, ensemble.evaluation) for name, ensemble in context.ensembles.items()),
    ]
    return [
        {"name": name, "is_ensemble": joined, **_count_errors(entry)}
        for name, joined, entry in entries
    ]


def _count_errors(entry: ModelScores) -> dict[str, Any]:
    n, accuracy = entry["n"], entry["accuracy"]
    low, high = wording.interval(accuracy)
    shares = (1 - (accuracy["value"] or 0.0), 1 - high, 1 - low)
    repeats = int(entry["details"]["repeats"])
    errors, fewest, most = (
        f"{share * n:,.1f}" if repeats > 1 else f"{share * n:,.0f}" for share in shares
    )
    error, lowest, highest = (f"{100 * share:.2f}" for share in shares)
    has_interval = accuracy.get("ci") is not None
    return {
        "split": entry["split"],
        "n": n,
        "repeats": repeats,
        "errors": errors,
        "error": error,
        "interval": f"{fewest} to {most}" if has_interval else "–",
        "error_interval": f"{lowest} to {highest}" if has_interval else "–",
    }


def _plain(found: Score | None) -> str:
    """Return the value of a score with three digits."""
    value = found["value"] if found else None
    return "–" if value is None else f"{value:.3f}"


def accuracy_figure(context: Context, *, narrow: bool = False) -> str:
    """Draw all models and baselines with their intervals.

    Parameters
    ----------
    context : Context
        With models.
    narrow : bool
        Whether the figure is for small screens.

    Returns
    -------
    str
        SVG text.
    """
    rows, words = [], []
    for row in score_table(context):
        values = {}
        for title, found in row.get("drawn", {}).items():
            if found["value"] is not None:
                low, high = wording.interval(found)
                values[title] = (float(found["value"]), low, high)
        label = f"split {row['label']}" if row["kind"] == "heading" else row["label"]
        rows.append(figures.ForestRow(label, row["kind"], values))
        if row["kind"] != "heading":
            words.append(f"{row['label']} {row['accuracy']['value']} %")
    alt = "Accuracy of models and baselines: " + ", ".join(words)
    return figures.accuracy_forest(rows, list(_SHOWN_IN_FIGURE), alt, narrow=narrow)
