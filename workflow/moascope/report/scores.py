"""Rows of the tables of scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moascope.classification.evaluation.levels import scored_levels
from moascope.classification.evaluation.permutation import LABELS
from moascope.report import verdicts, wording
from moascope.report.context import (
    Context,
)
from moascope.report.figures import scores as figures
from moascope.report.wording import Entry, join_names, percent, score


def score_table(context: Context) -> list[dict[str, Any]]:
    """Return the rows of the table of scores.

    Parameters
    ----------
    context : Context
        With models.

    Returns
    -------
    list of dict
        By split a heading, its models, its baselines and the permutation nulls, see `score_row`.
    """
    rows: list[dict[str, Any]] = []
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
                rows.append(score_row("baseline", label, null_entry(entry)))
    return rows


def null_entry(entry: Entry) -> dict[str, Any]:
    """Return the permutation null of a model as if it were the entry of a baseline."""

    def as_score(score: Mapping[str, Any] | None) -> dict[str, Any] | None:
        null = (score or {}).get("null")
        return {"value": null["mean"], "ci": null["interval"]} if null else None

    scores = ("accuracy", "balanced_accuracy", "macro_f1", "roc_auc")
    return {
        **{name: as_score(entry.get(name)) for name in scores},
        **{
            level: {"accuracy": as_score(entry.get(level, {}).get("accuracy"))}
            for level in ("by_well", "by_treatment")
            if level in entry
        },
        "by_group": {
            name: {"accuracy": as_score(scores.get("accuracy"))}
            for name, scores in entry.get("by_group", {}).items()
        },
    }


def comparison_rows(entry: Entry) -> list[dict[str, Any]]:
    """Return a row per other model and baseline: the difference in percentage points."""
    rows = []
    compared = [
        (kind, name, scores)
        for kind in ("model_comparisons", "comparisons")
        for name, scores in entry.get(kind, {}).items()
    ]
    for kind, name, scores in compared:
        coarse = {
            level: found[kind][name]["accuracy"]
            for level, found in scored_levels(entry).items()
            if level != "wells" and name in found.get(kind, {})
        }
        is_model = kind == "model_comparisons"
        rows.append(
            {
                "name": f"model {name}" if is_model else wording.baseline_name(name),
                "accuracy": wording.format_difference(scores["accuracy"], ""),
                "p": f"{scores['accuracy']['p']:.2g}" if "p" in scores["accuracy"] else "–",
                "balanced_accuracy": wording.format_difference(scores["balanced_accuracy"], ""),
                "coarse": {
                    level: wording.format_difference(found, "") for level, found in coarse.items()
                },
            }
        )
    return rows


def selection_rows(entry: Entry) -> list[dict[str, str]]:
    """Return a row per candidate of a nested selection."""
    return [
        {
            "name": name,
            "folds": f"{found['folds']:,}",
            "balanced_accuracy": percent(found["balanced_accuracy"]),
        }
        for name, found in entry.get("selection", {}).items()
    ]


def place_rows(entry: Entry) -> list[dict[str, str]]:
    """Return a row per kind of place: its association with the class."""
    return [
        {
            "name": kind,
            "places": f"{found['places']:,}",
            "cramers_v": "–" if found.get("cramers_v") is None else f"{found['cramers_v']:.2f}",
            "single": join_names(f"{label} ({place})" for label, place in found["single"].items()),
        }
        for kind, found in entry.get("confounding", {}).items()
    ]


def score_row(kind: str, label: str, entry: Entry) -> dict[str, Any]:
    """Return the scores of a model or baseline as text.

    Parameters
    ----------
    kind : {"model", "baseline"}
        How the row is shown.
    label : str
        Its first cell.
    entry : Entry
        Scores.
    """
    return {
        "kind": kind,
        "label": label,
        "entry": entry,
        "n": entry.get("n"),
        "accuracy": score(entry),
        "balanced_accuracy": score(entry, "balanced_accuracy"),
        "macro_f1": score(entry, "macro_f1"),
        "levels": {level: score(found) for level, found in scored_levels(entry).items()},
        "roc_auc": _plain(entry.get("roc_auc")),
        "calibration_error": percent(entry.get("calibration_error")),
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


def _count_errors(entry: Entry) -> dict[str, Any]:
    n, accuracy = int(entry["n"]), entry["accuracy"]
    low, high = wording.interval(accuracy)
    shares = (1 - float(accuracy["value"]), 1 - high, 1 - low)
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


def _plain(value: Any) -> str:
    number = value["value"] if isinstance(value, Mapping) else value
    return "–" if number is None else f"{number:.3f}"


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
    metrics = {"accuracy": "accuracy", "balanced accuracy": "balanced_accuracy"}
    rows, words = [], []
    for row in score_table(context):
        values = {}
        for title, key in metrics.items():
            found = row.get("entry", {}).get(key)
            if found:
                low, high = wording.interval(found)
                values[title] = (float(found["value"]), low, high)
        label = f"split {row['label']}" if row["kind"] == "heading" else row["label"]
        rows.append(figures.ForestRow(label, row["kind"], values))
        if row["kind"] != "heading":
            words.append(f"{row['label']} {row['accuracy']['value']} %")
    alt = "Accuracy of models and baselines: " + ", ".join(words)
    return figures.accuracy_forest(rows, list(metrics), alt, narrow=narrow)
