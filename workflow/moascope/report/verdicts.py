"""Verdicts on a classification: better than what, and what else could explain its scores.

A model is better than a baseline only where the interval of their paired difference lies above
zero, and better than chance only by the permutation null.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from moascope.classification.baseline_registry import BASELINES, LAYOUT
from moascope.classification.heads.calibration import SWITCHED_OFF
from moascope.screen.wording import MECHANISM, Words, sentence_case

Entry = Mapping[str, Any]
"""An entry of `moascope.classification.evaluation.scoring.evaluate`."""

BASELINE_NAMES = {baseline.name: baseline.title for baseline in BASELINES}
LAYOUTS = tuple(baseline.name for baseline in BASELINES if baseline.features == LAYOUT)

_NEARLY = 0.05
"""The layout alone does nearly as well where its accuracy is less than this below the model's."""
_STRONG = 0.8
"""Cramer's V from which class and place are said to go together."""


_OVERCONFIDENT = 0.1
"""Mean confidence less accuracy from which a model is said to be too sure."""


class Verdict(NamedTuple):
    """How a model compares."""

    status: str
    """"ok", "note" or "warn"."""
    text: str
    """The end of a sentence that begins with "The model is"."""


class Warning(NamedTuple):
    """Something that could mislead a reader of the scores."""

    id: str
    title: str
    text: str


def baseline_name(name: str) -> str:
    """Return a baseline's name in words."""
    return BASELINE_NAMES.get(name, name)


def comparators(entry: Entry) -> dict[str, Entry]:
    """Return the baselines that a model is compared with."""
    return {
        name: baseline
        for name, baseline in entry.get("baselines", {}).items()
        if baseline.get("comparator", True)
    }


def points(difference: Entry, unit: str = " points") -> str:
    """Write a difference of two shares in percentage points, with its interval."""
    text = f"{100 * difference['value']:+.1f}".replace("-", "−") + unit
    if difference.get("ci"):
        low, high = (f"{100 * bound:+.1f}".replace("-", "−") for bound in difference["ci"])
        text += f" [{low}, {high}]"
    return text


def verdict(entry: Entry, score: str = "accuracy", words: Words = MECHANISM) -> Verdict | None:
    """Compare a model with chance and with its baselines.

    Parameters
    ----------
    entry : mapping
        The entry of the model.
    score : str
        Which score decides.
    words : Words
        What classes are called.

    Returns
    -------
    Verdict or None
        None where there is nothing to compare with.
    """
    compared = {name: scores[score] for name, scores in entry.get("comparisons", {}).items()}
    found = entry[score]
    alpha = 1 - found["level"]
    p, null = found.get("p"), found.get("null")
    if p is not None and null["least_p"] <= alpha < p:
        return Verdict(
            "warn",
            f"no better than with {words.labels} permuted among {words.exchanged(entry)} "
            f"(p = {p:.2g})",
        )
    if not compared:
        return None
    unknown = [name for name, difference in compared.items() if not difference["ci"]]
    if unknown:
        return Verdict("note", "not compared with baselines, since there is no interval")
    ordered = sorted(compared, key=lambda key: compared[key]["value"])
    unclear = [name for name in ordered if compared[name]["ci"][0] <= 0]
    name = (unclear or ordered)[0]
    closest = f"“{baseline_name(name)}” ({points(compared[name])})"
    if not unclear:
        return Verdict("ok", f"better than every baseline; the closest is {closest}")
    if compared[name]["value"] <= 0:
        return Verdict("warn", f"not better than the baseline {closest}")
    return Verdict("note", f"not clearly better than the baseline {closest}")


def warnings(name: str, entry: Entry, words: Words = MECHANISM) -> Iterable[Warning]:
    """Yield what else than the class could explain the scores of a model.

    Parameters
    ----------
    name : str
        Name of the model.
    entry : mapping
        Its entry.
    words : Words
        What classes are called.

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
            f"They take each {unit} as independent, but several are of one {groups}. Fix: set "
            f"evaluation.independent_unit to {' or '.join(shared)}.",
        )
    for kind, found in entry.get("confounding", {}).items():
        if found.get("held_out"):  # a group that was not in training tells no class
            continue
        strength = found.get("cramers_v")
        if strength is not None and strength >= _STRONG and kind != "position":
            yield Warning(
                "class-and-place",
                f"{sentence_case(words.short)} and {kind} go together",
                f"Cramer's V of {words.short} and {kind} is {strength:.2f} (1: the {kind} tells "
                f"the {words.short}). The scores cannot tell what the images show from where they "
                f"{'lie' if words.has_plates else 'are from'}.",
            )
        for label, place in found.get("single", {}).items():
            yield Warning(
                "single-batch" if kind == "batch" else "few-places",
                f"“{label}” lies in one {kind}",
                f"All {'wells' if words.has_plates else 'images'} of this class are in {kind} "
                f"{place}. A model can tell the class by the "
                f"look of that {kind}.",
            )
    alone = [label for label, n in entry.get("compounds", {}).items() if n < 2]
    if alone:
        yield Warning(
            "few-compounds",
            "Classes with one compound",
            f"{', '.join(f'“{label}”' for label in alone[:8])}: the test units of these classes "
            "are of one compound each. What the model tells apart may be compounds, not "
            "mechanisms.",
        )


def input_warnings(notes: Iterable[str]) -> list[dict[str, str]]:
    """Return what a screen's tables were read with, as warnings for summary.json.

    Parameters
    ----------
    notes : iterable of str
        From `screen.read_screen`.

    Returns
    -------
    list of dict
        ``id`` (input), ``about`` and ``text``.
    """
    return [{"id": "input", "about": "input", "text": note} for note in notes]


def overconfidence(entry: Entry) -> float:
    """Return the mean confidence of all calls less the share that is right."""
    bins = [row for row in entry["details"]["reliability"] if row["n"]]
    n = sum(row["n"] for row in bins)
    return float(sum((row["confidence"] - row["accuracy"]) * row["n"] for row in bins) / n)


def _confidence_warnings(name: str, entry: Entry) -> Iterable[Warning]:
    """Warn of probabilities that claim too much, with the key that changes it."""
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
        fix = "They are calibrated by training units, and the test units are harder than those"
    elif found["reason"] == SWITCHED_OFF:
        fix = f"They are not calibrated. Fix: set models.{name}.head.calibrate to auto"
    else:
        fix = (
            f"Not all are calibrated: {found['reason']}. Fix: set aside units by "
            f"splits.{entry['split']}.validation, and set models.{name}.head.calibrate to true"
        )
    yield Warning(
        "overconfident",
        f"“{name}” is too sure of its calls",
        f"Its confidence is {100 * gap:.0f} points above the share of calls that are right. {fix}.",
    )


def cell_warnings(engine: str, doubts: Iterable[str]) -> list[dict[str, str]]:
    """Return what looks wrong with the objects of a screen, as warnings for summary.json.

    Parameters
    ----------
    engine : str
        What found them.
    doubts : iterable of str
        From `cell_counts.doubts`.

    Returns
    -------
    list of dict
        ``id`` (implausible-objects), ``about`` and ``text``.
    """
    return [{"id": "implausible-objects", "about": engine, "text": text} for text in doubts]


def summary_warnings(
    evaluations: Mapping[str, Entry], audits: Mapping[str, Entry], words: Words = MECHANISM
) -> list[dict[str, str]]:
    """Return the warnings of all models and the leaks of all splits, as for summary.json.

    Parameters
    ----------
    evaluations : mapping of str to mapping
        By model.
    audits : mapping of str to mapping
        Leakage audits by split.
    words : Words
        What classes are called.

    Returns
    -------
    list of dict
        ``id``, ``about`` (the model or the split) and ``text``.
    """
    leaks = [
        {"id": "leak", "about": name, "text": " ".join(audit["messages"])}
        for name, audit in audits.items()
        if audit["messages"]
    ]
    return leaks + [
        {"id": warning.id, "about": name, "text": f"{warning.title}. {warning.text}"}
        for name, entry in evaluations.items()
        for warning in warnings(name, entry, words)
    ]


def _layout_warnings(name: str, entry: Entry) -> Iterable[Warning]:
    model = entry["accuracy"]["value"]
    present = [layout for layout in LAYOUTS if layout in entry.get("baselines", {})]
    if not present:
        return
    best = max(present, key=lambda layout: entry["baselines"][layout]["accuracy"]["value"])
    alone = entry["baselines"][best]["accuracy"]["value"]
    difference = entry.get("comparisons", {}).get(best, {}).get("accuracy")
    chance = entry["accuracy"].get("null")
    beats_chance = chance is None or alone > chance["interval"][1]
    behind = difference is not None and difference["ci"] and difference["ci"][0] <= 0
    if alone >= model - _NEARLY or (behind and beats_chance):
        yield Warning(
            "layout-alone",
            f"The layout alone does nearly as well as “{name}”",
            f"Without any image “{baseline_name(best)}” gives {100 * alone:.1f} % right, the "
            f"model {100 * model:.1f} %. The scores do not show that the images matter.",
        )
