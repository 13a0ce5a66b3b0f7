"""Phrases of the report."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, TypedDict

from moascope.classification.baseline_registry import BASELINES
from moascope.classification.evaluation.documents import Difference, ModelScores, Score
from moascope.core.text.plurals import plural_of
from moascope.screen.wording import MECHANISM, Words, sentence_case
from moascope.splits.audit import AuditResult, PairKind
from moascope.splits.options import Split


class ScoreText(TypedDict):
    """Score in per cent as text."""

    value: str
    interval: str
    """Empty where there is none."""
    reason: str
    """Why there is no interval; empty where there is one."""


_TESTED_ON = {
    "leave-one-compound-out": "of compounds that are not in training",
    "leave-one-batch-out": "from imaging batches that are not in training",
    "leave-compound-and-batch-out": "of compounds and imaging batches that are not in training",
    "leave-one-plate-out": "from plates that are not in training",
    "leave-one-group-out": "of a {group} that is not in training",
    "group-k-fold": "of a {group} that is not in training",
    "stratified-k-fold": "held out at random",
    "fixed": "of the fixed test list",
}


_NOT_TESTED = {
    "leave-one-compound-out": "Other wells of the same plates were in training: scores on a new "
    "imaging batch may be lower.",
    "leave-one-batch-out": "Their compounds may be in training: scores on a new compound may "
    "be lower.",
    "leave-compound-and-batch-out": "",
    "leave-one-plate-out": "Their compounds may be in training: scores on a new compound may "
    "be lower.",
    "leave-one-group-out": "",
    "group-k-fold": "",
    "stratified-k-fold": "Images of the same well and compound were in training: scores on a "
    "new compound may be much lower.",
    "fixed": "",
}


_UNIT_NAMES = {
    "site": ("field", "fields"),
    "image": ("image", "images"),
    "tile": ("tile", "tiles"),
    "cell": ("cell", "cells"),
}
BASELINE_NAMES = {baseline.name: baseline.title for baseline in BASELINES}


def describe_test_units(split: Split) -> str:
    """Describe the source of the test units of a split."""
    return _TESTED_ON[split.method].format(group=" and ".join(split.group))


def describe_untested(split: Split, words: Words = MECHANISM) -> str:
    """Describe the limits of a split method; empty where they depend on the groups."""
    if split.method == "stratified-k-fold" and not words.has_plates:
        return (
            "Images of the same source, such as a patient or a slide, may be in training: scores "
            "on a new source may be lower."
        )
    return _NOT_TESTED[split.method]


def percent(share: float | None, digits: int = 1) -> str:
    """Write a share in [0, 1] as per cent, or a dash where it is unknown."""
    if share is None or not math.isfinite(share):
        return "–"
    return f"{100 * share:.{digits}f}"


def interval(score: Score) -> tuple[float, float]:
    """Return the bounds of a score's confidence interval, NaN where it has none."""
    bounds = score.get("ci")
    return (float(bounds[0]), float(bounds[1])) if bounds else (math.nan, math.nan)


def score(found: Score | None) -> ScoreText:
    """Return a score in per cent as text; dashes for an unknown one."""
    if not found:
        return {"value": "–", "interval": "", "reason": ""}
    low, high = interval(found)
    bounds = f"{percent(low)}–{percent(high)}" if math.isfinite(low) else ""
    return {
        "value": percent(found["value"]),
        "interval": bounds,
        "reason": "" if bounds else str(found.get("reason", "")),
    }


def name_exchanged(entry: ModelScores, words: Words) -> str:
    """Return the units among which classes are permuted for the null of a model."""
    return words.exchanged(entry.get("details", {}).get("independent_unit", "image"))


def name_units(entry: ModelScores, n: int = 2) -> str:
    """Return the name of the units of a model, singular for one."""
    return _UNIT_NAMES.get(str(entry["unit"]), ("unit", "units"))[0 if n == 1 else 1]


_PAIR_NAMES: dict[PairKind, str] = {
    "near_duplicates": "near-duplicate pairs",
    "overlaps": "pairs with common content",
    "adjacent_crops": "pairs of adjacent images",
}


def describe_audit(audit: AuditResult) -> str:
    """List the checks of a leakage audit and their numbers of shared groups and images."""
    words = [f"{column} {check['shared']:,}" for column, check in audit["groups"].items()]
    for kind, name in _PAIR_NAMES.items():
        pairs = audit[kind]
        if pairs is not None:
            words.append(f"{name} {pairs['pairs']:,} of {pairs['found']:,} found")
    return ", ".join(words)


def describe_audit_gaps(audit: AuditResult) -> str:
    """Return a sentence with the checks that a leakage audit left out, empty if there are none."""
    gaps = [f"{gap['what']} ({gap['reason']})" for gap in audit["not_looked_at"]]
    return f"Not checked: {', '.join(gaps)}." if gaps else ""


def end_sentence(text: str) -> str:
    """Return a text as a sentence, with a capital letter and a full stop."""
    return sentence_case(text) + ("" if text.endswith(".") else ".")


def count(n: int, noun: str) -> str:
    """Write a number with the noun in the right number: 1 site, 1,200 sites."""
    return f"{n:,} {noun if n == 1 else plural_of(noun)}"


def join_names(names: Iterable[Any], limit: int = 8) -> str:
    """Join names with commas, and count the names beyond a limit."""
    items = [str(name) for name in names]
    text = ", ".join(items[:limit])
    return f"{text} and {len(items) - limit:,} more" if len(items) > limit else text


def baseline_name(name: str) -> str:
    """Return a baseline's name in words."""
    return BASELINE_NAMES.get(name, name)


def format_difference(difference: Difference, unit: str = " points") -> str:
    """Write a difference of two shares in percentage points, with its interval."""
    text = f"{100 * difference['value']:+.1f}".replace("-", "−") + unit
    bounds = difference.get("ci")
    if bounds:
        low, high = (f"{100 * bound:+.1f}".replace("-", "−") for bound in bounds)
        text += f" [{low}, {high}]"
    return text
