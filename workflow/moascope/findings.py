"""What the numbers of a run say in words: the answer, and what could mislead its reader."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from moascope.report_context import Context, ModelContext

_TESTED_ON = {
    "leave-one-compound-out": "of compounds the model had never seen",
    "leave-one-batch-out": "from imaging batches the model had never seen",
    "leave-compound-and-batch-out": "of compounds and imaging batches the model had never seen",
    "leave-one-plate-out": "from plates the model had never seen",
    "group-k-fold": "of a {group} the model had never seen",
    "stratified-k-fold": "held out at random",
    "fixed": "of the fixed test list",
}
_NOT_TESTED = {
    "leave-one-compound-out": "Other wells of the same plates were in training, so a new imaging "
    "batch may do worse.",
    "leave-one-batch-out": "Their compounds may be in training, so a new compound may do worse.",
    "leave-compound-and-batch-out": "",
    "leave-one-plate-out": "Their compounds may be in training, so a new compound may do worse.",
    "group-k-fold": "",
    "stratified-k-fold": "Images of the same well and compound were in training: this says how "
    "well known images are recognised, not how a new compound would do.",
    "fixed": "",
}
_UNIT_NAMES = {"site": ("field", "fields"), "tile": ("tile", "tiles"), "cell": ("cell", "cells")}
_BASELINE_NAMES = {
    "majority": "most frequent class",
    "channel-mean-sd": "channel mean and SD",
    "hand-made": "hand-made features, logistic",
    "hand-made-lda": "hand-made features, LDA",
    "cell-count": "cell count",
}


def tested_on(split: Mapping[str, Any]) -> str:
    """Say of what or from where the test units of a split are."""
    return _TESTED_ON[split["method"]].format(group=" and ".join(split.get("group", [])))


def not_tested(split: Mapping[str, Any]) -> str:
    """Say what a split does not test; empty where it depends on the groups."""
    return _NOT_TESTED[split["method"]]


def percent(share: float | None, digits: int = 1) -> str:
    """Write a share in [0, 1] as per cent, a dash where it is not known."""
    if share is None or not math.isfinite(share):
        return "–"
    return f"{100 * share:.{digits}f}"


def interval(score: Mapping[str, Any]) -> tuple[float, float]:
    """Give the bounds of a score's confidence interval, NaN where it has none."""
    bounds = next((b for key, b in score.items() if key.startswith("ci") and b), None)
    return (float(bounds[0]), float(bounds[1])) if bounds else (math.nan, math.nan)


def score(entry: Mapping[str, Any], metric: str = "accuracy") -> dict[str, str]:
    """Give a score in per cent as text: value and interval."""
    found = entry.get(metric)
    if not found:
        return {"value": "–", "interval": ""}
    low, high = interval(found)
    bounds = f"{percent(low)}–{percent(high)}" if math.isfinite(low) else ""
    return {"value": percent(found["value"]), "interval": bounds}


def units_word(entry: Mapping[str, Any], n: int = 2) -> str:
    """Name what a model classifies, for one or for many."""
    return _UNIT_NAMES.get(str(entry["unit"]), ("unit", "units"))[0 if n == 1 else 1]


def baseline_name(name: str) -> str:
    """Name a baseline in words."""
    return _BASELINE_NAMES.get(name, name)


def _best_model(models: Mapping[str, ModelContext]) -> str:
    return max(models, key=lambda name: models[name]["evaluation"]["accuracy"]["value"])


def _best_baseline(entry: Mapping[str, Any]) -> tuple[str, float] | None:
    scores = {
        name: float(baseline["accuracy"]["value"])
        for name, baseline in entry.get("baselines", {}).items()
    }
    return max(scores.items(), key=lambda item: item[1]) if scores else None


def verdict(entry: Mapping[str, Any]) -> tuple[str, str] | None:
    """Compare a model with its best baseline: (status, sentence)."""
    best = _best_baseline(entry)
    if best is None:
        return None
    value, (low, _) = float(entry["accuracy"]["value"]), interval(entry["accuracy"])
    name = baseline_name(best[0])
    if value <= best[1]:
        return "warn", f"not better than the baseline “{name}”"
    if not math.isfinite(low) or low <= best[1]:
        return "note", f"not clearly better than the baseline “{name}”, which its interval includes"
    return "ok", "better than every baseline: its whole interval lies above their scores"


def headline(context: Context) -> dict[str, Any] | None:
    """Compose the answer that the report starts with; None without a model."""
    models = context["models"]
    if not models:
        return None
    name = _best_model(models)
    entry = models[name]["evaluation"]
    split = context["splits"][entry["split"]]["config"]
    details = entry["details"]
    best = _best_baseline(entry)
    majority = entry.get("baselines", {}).get("majority")
    treatment = entry["by_treatment"]
    return {
        "model": name,
        "score": score(entry),
        "confidence": percent(float(context["config"]["evaluation"]["confidence"]), 0),
        "units": units_word(entry),
        "n": entry["n"],
        "tested_on": tested_on(split),
        "not_tested": not_tested(split),
        "baseline": None
        if best is None
        else {"name": baseline_name(best[0]), "value": percent(best[1])},
        # The same number as in the table of scores; not said twice where it is the best one.
        "majority": None
        if majority is None or best is None or best[0] == "majority"
        else percent(float(majority["accuracy"]["value"])),
        "n_classes": len(details["classes"]),
        "treatments": {
            "right": round(float(treatment["accuracy"]["value"]) * treatment["n"]),
            "n": treatment["n"],
            **score(treatment),
        },
        "independent": f"{details['n_independent']} {details['independent_unit']}s",
        "n_models": len(models),
        "verdict": verdict(entry),
    }


def checks(context: Context) -> list[dict[str, str]]:
    """Say what could mislead a reader of this report, and what was checked and found in order.

    Parameters
    ----------
    context : Context
        See there.

    Returns
    -------
    list of dict
        status (warn, note, ok), title and text; warnings first.
    """
    found = list(_segmentation_checks(context))
    if context["has_screen"]:
        found += [
            *_input_checks(context),
            *_quality_checks(context),
            *_label_checks(context),
            *_split_checks(context),
            *_model_checks(context),
        ]
    order = {"warn": 0, "note": 1, "ok": 2}
    return sorted(found, key=lambda check: order[check["status"]])


def _check(status: str, title: str, text: str) -> dict[str, str]:
    return {"status": status, "title": title, "text": text}


def _input_checks(context: Context) -> Iterable[dict[str, str]]:
    config = context["config"]
    if config["input"]["format"] == "simulate":
        yield _check(
            "warn",
            "Simulated images",
            "Every image of this run was drawn by a program. The numbers show that the workflow "
            "works; they say nothing about real cells.",
        )
    steps = config["normalization"]["steps"]
    if any(step["scope"] == "plate" and step["method"] != "anscombe" for step in steps):
        yield _check(
            "warn",
            "Normalization has seen test wells",
            "Intensity statistics are taken from all wells of a plate, those of the test folds "
            "included (never their labels). A plate with other treatments would be scaled "
            "differently.",
        )
    with_controls = [
        f"“{name}”"
        for name, split in context["splits"].items()
        if split["config"].get("include_controls", False)
    ]
    if with_controls and any(
        step["scope"] == "controls" and step["method"] != "anscombe" for step in steps
    ):
        yield _check(
            "warn",
            "Normalization knows the control wells",
            f"Controls are a class of their own in {_count(len(with_controls), 'split', 'splits')} "
            f"({listed(with_controls)}), and the control class of the test plates set the "
            "normalization of these plates, as in practice where controls are marked on the plate "
            "map. The score for the control class is optimistic for unmarked wells.",
        )


def _quality_checks(context: Context) -> Iterable[dict[str, str]]:
    quality, config = context["quality"], context["config"]
    flagged, n = int(quality["flagged"].sum()), len(quality)
    kept = "left out of" if config["quality"]["exclude_flagged"] else "kept in"
    if flagged:
        yield _check(
            "note",
            f"{flagged:,} of {n:,} sites flagged",
            f"{percent(flagged / n)} % of sites failed quality control and were {kept} "
            "classification. The section Quality names them.",
        )
    else:
        yield _check("ok", "No site flagged", f"All {n:,} sites passed quality control.")
    unread = len(context["quarantined"])
    if unread:
        yield _check(
            "warn",
            f"{_count(unread, 'site', 'sites')} could not be read",
            "Their images are damaged and were left out: "
            + listed(context["quarantined"]["site_id"])
            + ".",
        )


def _label_checks(context: Context) -> Iterable[dict[str, str]]:
    units = context["units"]
    labelled = units[(units["role"] == "treated") & (units["moa"] != "") & units["usable"]]
    if labelled.empty:
        return
    if units["batch"].nunique() == 1:
        yield _check(
            "note",
            "One imaging batch only",
            "Nothing here says how the model would do on images of another day.",
        )
    else:
        batches = labelled.groupby("moa")["batch"].nunique()
        single = batches[batches == 1].index
        if len(single):
            yield _check(
                "warn",
                f"{_count(len(single), 'class', 'classes')} imaged in a single batch",
                f"{listed(single)}: a model can tell such a class by the look of its batch, and "
                "the scores cannot tell mechanism and batch apart.",
            )
    compounds = labelled.groupby("moa")["compound"].nunique()
    few = compounds[compounds < 3].index
    if len(few):
        yield _check(
            "note",
            f"{_count(len(few), 'class', 'classes')} with fewer than three compounds",
            f"{listed(few)}: with so few compounds the mechanism and the compound's own look "
            "cannot be told apart.",
        )


def _split_checks(context: Context) -> Iterable[dict[str, str]]:
    for name, split in context["splits"].items():
        audit = split["audit"]
        gaps = " ".join(["", gaps_words(audit)]) if audit["not_looked_at"] else ""
        if audit["passed"]:
            yield _check(
                "ok",
                f"Split “{name}” passed the leakage audit",
                f"Nothing stands on both sides of a fold: {audit_words(audit)}.{gaps}",
            )
        elif not audit["messages"]:
            yield _check(
                "warn",
                f"Split “{name}” was not audited in full",
                f"Nothing that was looked at stands on both sides of a fold: "
                f"{audit_words(audit) or 'nothing was looked at'}.{gaps}",
            )
        else:
            yield _check(
                "warn",
                f"Split “{name}” leaks",
                " ".join(audit["messages"]) + f" Scores on it are too good.{gaps}",
            )
        if audit["dropped"]:
            yield _check("note", f"Split “{name}” leaves something out", " ".join(audit["dropped"]))


def audit_words(audit: Mapping[str, Any]) -> str:
    """Say what a leakage audit looked at and how much of it crosses from side to side."""
    words = [f"{column} {check['shared']:,}" for column, check in audit["groups"].items()]
    for key, name in (
        ("near_duplicates", "near-duplicate pairs"),
        ("overlaps", "pairs with common content"),
        ("adjacent_crops", "pairs of adjacent images"),
    ):
        check = audit[key]
        if check is not None:
            words.append(f"{name} {check['pairs']:,} of {check['found']:,} found")
    return ", ".join(words)


def gaps_words(audit: Mapping[str, Any]) -> str:
    """Return a sentence on what a leakage audit did not look at, empty if there is nothing."""
    gaps = [f"{gap['what']} ({gap['reason']})" for gap in audit["not_looked_at"]]
    return f"Not looked at: {', '.join(gaps)}." if gaps else ""


def _model_checks(context: Context) -> Iterable[dict[str, str]]:
    for name, model in context["models"].items():
        compared = verdict(model["evaluation"])
        if compared is None:
            yield _check(
                "note", f"Model “{name}” has no baseline", "Nothing says what is easy here."
            )
        else:
            status, sentence = compared
            yield _check(status, f"Model “{name}”", f"Accuracy is {sentence}.")
    if len(context["models"]) > 1:
        yield _check(
            "note",
            "The headline is the best of several models",
            f"It was chosen among {len(context['models'])} by the same test scores, which "
            "flatters it a little.",
        )


def _segmentation_checks(context: Context) -> Iterable[dict[str, str]]:
    segmentation = context["segmentation"]
    if segmentation is None:
        return
    objects = segmentation["objects"].lower()
    for name, engine in segmentation["engines"].items():
        if engine["scores"]["n_predicted"] == 0:
            yield _check(
                "warn",
                f"Engine “{name}” found nothing",
                f"Not a single one of the {objects} of the test images was found. Look at the "
                "pictures, at the channels it was given, and at what it learnt from.",
            )
    if segmentation["engines"]:
        images = segmentation["images"]
        test = images[images["set"] == "test"].iloc[0].to_dict()
        n_groups = next(iter(segmentation["engines"].values()))["scores"]["n_groups"]
        if n_groups == 1:
            intervals = "All are one group, such as one movie, so that there are no intervals."
        elif n_groups < int(test["images"]):
            intervals = f"Intervals resample the {n_groups} groups that they come from."
        else:
            intervals = "Intervals resample images."
        yield _check(
            "note",
            "What the segmentation was scored on",
            f"{int(test['images']):,} test images with {int(test['objects']):,} known {objects}; "
            f"nothing was fitted or tuned on them in this run. {intervals} Images of another "
            "microscope or stain may do worse.",
        )
    counts = segmentation["counts"]
    empty = 0 if counts is None else int((counts["count"] == 0).sum())
    if counts is not None and empty:
        yield _check(
            "warn",
            f"No {objects} in {_count(empty, 'site', 'sites')}",
            f"{segmentation['measured_with']} found none there: "
            + listed(counts.loc[counts["count"] == 0, "site_id"])
            + ".",
        )


def _count(n: int, one: str, many: str) -> str:
    return f"{n:,} {one if n == 1 else many}"


def listed(names: Iterable[Any], limit: int = 8) -> str:
    """Join names with commas, and count those beyond a limit."""
    items = [str(name) for name in names]
    text = ", ".join(items[:limit])
    return f"{text} and {len(items) - limit:,} more" if len(items) > limit else text


def score_table(context: Context) -> list[dict[str, Any]]:
    """Give the rows of the table of scores: the models of each split, then its baselines."""
    rows: list[dict[str, Any]] = []
    for split in context["splits"]:
        models = {
            name: model["evaluation"]
            for name, model in context["models"].items()
            if model["evaluation"]["split"] == split
        }
        if not models:
            continue
        rows.append({"kind": "heading", "label": split})
        rows.extend(score_row("model", name, entry) for name, entry in models.items())
        # Models of one split share its baselines, unless they classify different units.
        seen = set()
        for entry in models.values():
            for name, baseline in entry.get("baselines", {}).items():
                key = (name, baseline["accuracy"]["value"])
                if key not in seen:
                    seen.add(key)
                    rows.append(score_row("baseline", baseline_name(name), baseline))
    return rows


def score_row(kind: str, label: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Give the scores of a model or baseline as text."""
    treatment, well = entry.get("by_treatment", {}), entry.get("by_well", {})
    return {
        "kind": kind,
        "label": label,
        "entry": entry,
        "n": entry.get("n"),
        "accuracy": score(entry),
        "balanced_accuracy": score(entry, "balanced_accuracy"),
        "macro_f1": score(entry, "macro_f1"),
        "well": score(well),
        "treatment": score(treatment),
        "roc_auc": _plain(entry.get("roc_auc")),
        "calibration_error": percent(entry.get("calibration_error")),
    }


def _plain(value: Any) -> str:
    number = value["value"] if isinstance(value, Mapping) else value
    return "–" if number is None else f"{number:.3f}"


def calibration_words(entry: Mapping[str, Any]) -> str:
    """Say which way the confidences of a model are off on average."""
    bins = [row for row in entry["details"]["reliability"] if row["n"]]
    n = sum(row["n"] for row in bins)
    gap = sum((row["confidence"] - row["accuracy"]) * row["n"] for row in bins) / n
    if abs(gap) < 0.02:
        return "On average it is as often right as it is confident."
    more = "more" if gap > 0 else "less"
    return f"It is {more} confident than right, by {percent(abs(gap))} points on average."
