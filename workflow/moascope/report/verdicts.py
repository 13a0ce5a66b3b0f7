"""Verdicts on a classification: comparisons with baselines, and confounders of its scores.

A model is better than a baseline only where the interval of their paired difference lies above
zero, and better than chance only by the permutation null.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from moascope.classification.baseline_registry import BASELINES, LAYOUT
from moascope.classification.evaluation.documents import (
    BaselineScores,
    LevelScores,
    ModelScores,
    ScoreName,
)
from moascope.classification.heads.calibration import SWITCHED_OFF
from moascope.core.errors import RunWarning
from moascope.report.wording import baseline_name, format_difference, name_exchanged
from moascope.screen.wording import MECHANISM, Words, sentence_case
from moascope.splits.audit import AuditResult

LAYOUTS = tuple(baseline.name for baseline in BASELINES if baseline.features == LAYOUT)

_NEARLY = 0.05
"""Largest loss of accuracy at which the layout alone counts as nearly as good as the model."""
_STRONG = 0.8
"""Cramer's V from which class and place count as associated."""
_OVERCONFIDENT = 0.1
"""Mean confidence less accuracy from which a model counts as overconfident."""


class Verdict(NamedTuple):
    """Comparison of a model with chance and its baselines."""

    status: str
    """"ok", "note" or "warn"."""
    text: str
    """The end of a sentence that begins with "The model is"."""


class Warning(NamedTuple):
    """One confounder or limit of the scores of a model."""

    id: str
    title: str
    text: str


def share_of(entry: LevelScores) -> float:
    """Return the accuracy of a level, NaN where it is not known."""
    value = entry["accuracy"]["value"]
    return math.nan if value is None else float(value)


def comparators(entry: ModelScores) -> dict[str, BaselineScores]:
    """Return the baselines that a model is compared with."""
    return {
        name: baseline
        for name, baseline in entry.get("baselines", {}).items()
        if baseline.get("comparator", True)
    }


def judge(
    entry: ModelScores, score: ScoreName = "accuracy", words: Words = MECHANISM
) -> Verdict | None:
    """Compare a model with chance and with its baselines.

    Parameters
    ----------
    entry : ModelScores
        Of the model.
    score : str
        Name of the score to compare.
    words : Words
        Words for classes and images.

    Returns
    -------
    Verdict or None
        None without baselines and permutations.
    """
    compared = {name: scores[score] for name, scores in entry.get("comparisons", {}).items()}
    found = entry[score]
    alpha = 1 - found["level"]
    p, null = found.get("p"), found.get("null")
    if p is not None and null is not None and null["least_p"] <= alpha < p:
        return Verdict(
            "warn",
            f"no better than with {words.labels} permuted among "
            f"{name_exchanged(entry, words)} (p = {p:.2g})",
        )
    if not compared:
        return None
    lower = {name: found["ci"][0] for name, found in compared.items() if found["ci"]}
    if len(lower) < len(compared):
        return Verdict("note", "not compared with baselines, since there is no interval")
    ordered = sorted(compared, key=lambda key: compared[key]["value"])
    unclear = [name for name in ordered if lower[name] <= 0]
    name = (unclear or ordered)[0]
    closest = f"“{baseline_name(name)}” ({format_difference(compared[name])})"
    if not unclear:
        return Verdict("ok", f"better than every baseline; the closest is {closest}")
    if compared[name]["value"] <= 0:
        return Verdict("warn", f"not better than the baseline {closest}")
    return Verdict("note", f"not clearly better than the baseline {closest}")


def find_warnings(name: str, entry: ModelScores, words: Words = MECHANISM) -> Iterable[Warning]:
    """Find confounders and limits of the scores of a model.

    Parameters
    ----------
    name : str
        Name of the model.
    entry : ModelScores
        Its scores.
    words : Words
        Words for classes and images.

    Yields
    ------
    Warning
        With the ids ``layout-alone``, ``class-and-place``, ``few-places``, ``single-batch``,
        ``few-compounds``, ``overconfident`` and ``shared-groups``.
    """
    yield from _layout_warnings(name, entry)
    yield from _confidence_warnings(name, entry)
    shared = entry.get("details", {}).get("shared_groups", [])
    if shared:
        unit = entry["details"]["independent_unit"]
        groups = " and one ".join(shared)
        yield Warning(
            "shared-groups",
            f"Intervals of “{name}” may be too narrow",
            f"They treat each {unit} as independent, but several are of one {groups}. Fix: set "
            f"evaluation.independent_unit to {' or '.join(shared)}.",
        )
    for kind, found in entry.get("confounding", {}).items():
        if found.get("held_out"):  # a group that was not in training tells no class
            continue
        strength = found.get("cramers_v")
        if strength is not None and strength >= _STRONG and kind != "position":
            yield Warning(
                "class-and-place",
                f"{sentence_case(words.short)} and {kind} are confounded",
                f"Cramer's V of {words.short} and {kind} is {strength:.2f} (1: each {kind} "
                f"has one {words.short}). The scores cannot separate the two.",
            )
        for label, place in found.get("single", {}).items():
            yield Warning(
                "single-batch" if kind == "batch" else "few-places",
                f"“{label}” is in one {kind} only",
                f"All {'wells' if words.has_plates else 'images'} of this class are in {kind} "
                f"{place}. A model can recognize the class by that {kind}.",
            )
    alone = [label for label, n in entry.get("compounds", {}).items() if n < 2]
    if alone:
        yield Warning(
            "few-compounds",
            "Classes with one compound",
            f"{', '.join(f'“{label}”' for label in alone[:8])}: each of these classes has one "
            "compound only. The model may separate compounds, not mechanisms.",
        )


def input_warnings(notes: Iterable[str]) -> list[RunWarning]:
    """Return the notes on the input tables as warnings for summary.json.

    Parameters
    ----------
    notes : iterable of str
        From `site_table.read_screen`.

    Returns
    -------
    list of RunWarning
        With the id ``input``.
    """
    return [{"id": "input", "about": "input", "text": note} for note in notes]


def overconfidence(entry: ModelScores) -> float:
    """Return the mean confidence of all predictions less their accuracy."""
    n, excess = 0, 0.0
    for row in entry["details"]["reliability"]:
        if row["confidence"] is not None and row["accuracy"] is not None:
            n += row["n"]
            excess += (row["confidence"] - row["accuracy"]) * row["n"]
    return float(excess / n)


def _confidence_warnings(name: str, entry: ModelScores) -> Iterable[Warning]:
    """Warn of overconfident probabilities, with the key that changes them."""
    gap = overconfidence(entry)
    if gap < _OVERCONFIDENT:
        return
    found = entry.get("calibration")
    if found is None:
        fix = (
            f"Networks are not calibrated. Fix: set models.{name}.training.label_smoothing, or use "
            "a head on frozen features"
        )
    elif found["calibrated_folds"] == found["folds"]:
        fix = "They are calibrated on training units, and the test units are harder"
    elif found["reason"] == SWITCHED_OFF:
        fix = f"They are not calibrated. Fix: set models.{name}.head.calibrate to auto"
    else:
        fix = (
            f"Not all are calibrated: {found['reason']}. Fix: set aside units by "
            f"splits.{entry['split']}.validation, and set models.{name}.head.calibrate to true"
        )
    yield Warning(
        "overconfident",
        f"“{name}” is overconfident",
        f"Its mean confidence is {100 * gap:.0f} points above its accuracy. {fix}.",
    )


def cell_warnings(engine: str, doubts: Iterable[str]) -> list[RunWarning]:
    """Return doubts about the objects of a screen as warnings for summary.json.

    Parameters
    ----------
    engine : str
        Name of the segmentation engine.
    doubts : iterable of str
        From `cell_counts.doubts`.

    Returns
    -------
    list of RunWarning
        With the id ``implausible-objects``.
    """
    return [{"id": "implausible-objects", "about": engine, "text": text} for text in doubts]


def summary_warnings(
    evaluations: Mapping[str, ModelScores],
    audits: Mapping[str, AuditResult],
    words: Words = MECHANISM,
) -> list[RunWarning]:
    """Return the warnings of all models and the leaks of all splits for summary.json.

    Parameters
    ----------
    evaluations : mapping of str to ModelScores
        By model.
    audits : mapping of str to AuditResult
        Leakage audits by split.
    words : Words
        Words for classes and images.

    Returns
    -------
    list of RunWarning
        About a model or a split.
    """
    leaks: list[RunWarning] = [
        {"id": "leak", "about": name, "text": " ".join(audit["messages"])}
        for name, audit in audits.items()
        if audit["messages"]
    ]
    found: list[RunWarning] = [
        {"id": warning.id, "about": name, "text": f"{warning.title}. {warning.text}"}
        for name, entry in evaluations.items()
        for warning in find_warnings(name, entry, words)
    ]
    return leaks + found


def _layout_warnings(name: str, entry: ModelScores) -> Iterable[Warning]:
    model = share_of(entry)
    accuracies = {
        name: share_of(baseline)
        for name, baseline in entry.get("baselines", {}).items()
        if name in LAYOUTS
    }
    present = [layout for layout in LAYOUTS if layout in accuracies]
    if not present:
        return
    best = max(present, key=accuracies.__getitem__)
    alone = accuracies[best]
    difference = entry.get("comparisons", {}).get(best, {}).get("accuracy")
    chance = entry["accuracy"].get("null")
    beats_chance = chance is None or alone > chance["interval"][1]
    bounds = difference["ci"] if difference else None
    behind = bounds is not None and bounds[0] <= 0
    if alone >= model - _NEARLY or (behind and beats_chance):
        yield Warning(
            "layout-alone",
            f"The layout alone does nearly as well as “{name}”",
            f"Without any image, the accuracy of “{baseline_name(best)}” is {100 * alone:.1f} %; "
            f"that of the model is {100 * model:.1f} %. The scores do not show that the images "
            "matter.",
        )
