"""What the numbers of a run say in words: the answer, and what could mislead its reader."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from moascope.classification.evaluation.levels import scored_levels
from moascope.classification.evaluation.permutation import LABELS
from moascope.classification.heads.calibration import at_limit
from moascope.core.options import restore
from moascope.preprocessing.quality_review import BRIGHTFIELD, FAILED_PLATE, UNEVEN
from moascope.report import verdicts
from moascope.report.context import Context, ModelContext
from moascope.report.segmentation import SegmentationContext
from moascope.screen.wording import MECHANISM, Words, sentence_case, words_of
from moascope.splits.folds import iterate_folds
from moascope.splits.independence import held_out_columns, plural
from moascope.splits.options import Split

_TESTED_ON = {
    "leave-one-compound-out": "of compounds the model had never seen",
    "leave-one-batch-out": "from imaging batches the model had never seen",
    "leave-compound-and-batch-out": "of compounds and imaging batches the model had never seen",
    "leave-one-plate-out": "from plates the model had never seen",
    "leave-one-group-out": "of a {group} the model had never seen",
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
    "leave-one-group-out": "",
    "group-k-fold": "",
    "stratified-k-fold": "Images of the same well and compound were in training: this says how "
    "well known images are recognised, not how a new compound would do.",
    "fixed": "",
}
_QUALITY_TITLES = {
    FAILED_PLATE: "Quality of {about}",
    UNEVEN: "Loss of images and class go together",
    BRIGHTFIELD: "Is {about} a brightfield channel?",
}
_UNIT_NAMES = {
    "site": ("field", "fields"),
    "image": ("image", "images"),
    "tile": ("tile", "tiles"),
    "cell": ("cell", "cells"),
}


def tested_on(split: Mapping[str, Any]) -> str:
    """Say of what or from where the test units of a split are."""
    return _TESTED_ON[split["method"]].format(group=" and ".join(split.get("group", [])))


def not_tested(split: Mapping[str, Any], words: Words = MECHANISM) -> str:
    """Say what a split does not test; empty where it depends on the groups."""
    if split["method"] == "stratified-k-fold" and not words.has_plates:
        return (
            "Images of the same source, such as the patient or the slide, may have been in "
            "training: images of a new source may do worse."
        )
    return _NOT_TESTED[split["method"]]


def known_from_training(context: Context, name: str) -> str:
    """Count what of a split was tested though training had it as well, fold by fold.

    Parameters
    ----------
    context : Context
        See there.
    name : str
        Name of the split.

    Returns
    -------
    str
        A sentence per kind of group (compound and batch, or the free groups of images without
        plates) that the split does not hold out; empty where training had none of them.
    """
    split, units, inputs = context["splits"][name], context["units"], context["config"]["input"]
    columns = ["compound", "batch"] if words_of(inputs).has_plates else list(inputs["groups"])
    options = restore(Split, split["config"])
    held_out = {part for names in held_out_columns(options) for part in names.split("+")}
    sentences = []
    for column in [column for column in columns if column not in held_out and column in units]:
        values = units[column].fillna("").astype(str)
        named = (values != "") & (units["role"] != "control")
        tested, known = set(), set()
        for fold in iterate_folds(split["table"], split["groups"], units):
            test = set(values.iloc[fold.test][named.iloc[fold.test]])
            tested |= test
            known |= test & set(values.iloc[fold.train])
        if known:
            many = plural(column, 2).removeprefix("2 ")
            count = (
                f"All test {many}"
                if known == tested
                else f"{len(known):,} of {len(tested):,} test {many}"
            )
            sentences.append(f"{count} were in training as well, so a new {column} may do worse.")
    return " ".join(sentences)


def caveat(context: Context, name: str) -> str:
    """Say what a split does not test: by its method, or else by what training had as well."""
    words = words_of(context["config"]["input"])
    found = not_tested(context["splits"][name]["config"], words)
    return found or known_from_training(context, name)


def percent(share: float | None, digits: int = 1) -> str:
    """Write a share in [0, 1] as per cent, a dash where it is not known."""
    if share is None or not math.isfinite(share):
        return "–"
    return f"{100 * share:.{digits}f}"


def interval(score: Mapping[str, Any]) -> tuple[float, float]:
    """Return the bounds of a score's confidence interval, NaN where it has none."""
    bounds = score.get("ci")
    return (float(bounds[0]), float(bounds[1])) if bounds else (math.nan, math.nan)


def score(entry: Mapping[str, Any], metric: str = "accuracy") -> dict[str, str]:
    """Return a score in per cent as text: value, interval, and why there is no interval."""
    found = entry.get(metric)
    if not found:
        return {"value": "–", "interval": "", "reason": ""}
    low, high = interval(found)
    bounds = f"{percent(low)}–{percent(high)}" if math.isfinite(low) else ""
    return {
        "value": percent(found["value"]),
        "interval": bounds,
        "reason": "" if bounds else str(found.get("reason", "")),
    }


def units_word(entry: Mapping[str, Any], n: int = 2) -> str:
    """Name what a model classifies, for one or for many."""
    return _UNIT_NAMES.get(str(entry["unit"]), ("unit", "units"))[0 if n == 1 else 1]


def _best_model(models: Mapping[str, ModelContext]) -> str:
    return max(models, key=lambda name: models[name]["evaluation"]["accuracy"]["value"])


def _best_baseline(entry: Mapping[str, Any]) -> tuple[str, float] | None:
    scores = {
        name: float(baseline["accuracy"]["value"])
        for name, baseline in verdicts.comparators(entry).items()
    }
    return max(scores.items(), key=lambda item: item[1]) if scores else None


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
    null = entry["accuracy"].get("null")
    words = words_of(context["config"]["input"])
    return {
        "model": name,
        "score": score(entry),
        "confidence": percent(float(context["config"]["evaluation"]["confidence"]), 0),
        "units": units_word(entry),
        "n": entry["n"],
        "tested_on": tested_on(split),
        "not_tested": caveat(context, entry["split"]),
        "label": words.short,
        "exchanged": words.exchanged(entry),
        "baseline": None
        if best is None
        else {"name": verdicts.baseline_name(best[0]), "value": percent(best[1])},
        "null": None if null is None else percent(null["mean"]),
        "p": None if null is None else f"{entry['accuracy']['p']:.2g}",
        "n_classes": len(details["classes"]),
        "together": [
            {
                "level": level,
                "right": round(float(scores["accuracy"]["value"]) * scores["n"]),
                "n": scores["n"],
                **score(scores),
            }
            for level, scores in scored_levels(entry).items()
            if level != "wells"
        ],
        "independent": plural(details["independent_unit"], details["n_independent"]),
        "n_models": len(models),
        "verdict": verdicts.verdict(entry, words=words),
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
            *_interval_checks(context),
        ]
    order = {"warn": 0, "note": 1, "ok": 2}
    return sorted(found, key=lambda check: order[check["status"]])


def _check(status: str, title: str, text: str) -> dict[str, str]:
    return {"status": status, "title": title, "text": text}


def _input_checks(context: Context) -> Iterable[dict[str, str]]:
    config = context["config"]
    for found in context["summary"].get("warnings", []):
        if found["id"] == "input":
            yield _check("note", "Read from the tables", found["text"])
    if config["input"]["format"] == "simulate":
        yield _check(
            "warn",
            "Simulated images",
            "Every image of this run was drawn by a program. The numbers show that the workflow "
            "works; they say nothing about real cells.",
        )
    for found in context["summary"].get("warnings", []):
        if found["id"] == "image-sizes":
            status = "warn" if config["input"]["on_size_mismatch"] == "crop" else "note"
            yield _check(status, "Images of different size", found["text"])
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
    words = words_of(config["input"])
    flagged, n = int(quality["flagged"].sum()), len(quality)
    kept = "left out of" if config["quality"]["exclude_flagged"] else "kept in"
    if flagged:
        yield _check(
            "note",
            f"{flagged:,} of {n:,} {words.sites} flagged",
            f"{percent(flagged / n)} % of {words.sites} failed quality control and were {kept} "
            "classification. The section Quality names them.",
        )
    else:
        yield _check(
            "ok", f"No {words.site} flagged", f"All {n:,} {words.sites} passed quality control."
        )
    for warning in context["summary"].get("warnings", []):
        if warning["id"] in _QUALITY_TITLES:
            title = _QUALITY_TITLES[warning["id"]].format(about=warning["about"])
            yield _check("warn", title, warning["text"])
    unread = len(context["quarantined"])
    if unread:
        yield _check(
            "warn",
            f"{_count(unread, words.site, words.sites)} could not be read",
            "They were left out. "
            + " ".join(
                f"Images are {reason}: {listed(sites)}."
                for reason, sites in context["quarantined"].groupby("reason")["site_id"]
            ),
        )


def _left_out_baselines(context: Context) -> Iterable[dict[str, str]]:
    if context["models"]:
        yield _check(
            "note",
            "Baselines without plates",
            "Baselines of the plate layout and of cell counts are left out, since the images have "
            "no plates and no cells are searched.",
        )


def _label_checks(context: Context) -> Iterable[dict[str, str]]:
    units = context["units"]
    words = words_of(context["config"]["input"])
    if not words.has_plates:
        yield from _left_out_baselines(context)
        return
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
                f"the scores cannot tell {words.short} and batch apart.",
            )
    compounds = labelled.groupby("moa")["compound"].nunique()
    few = compounds[compounds < 3].index
    if len(few):
        yield _check(
            "note",
            f"{_count(len(few), 'class', 'classes')} with fewer than three compounds",
            f"{listed(few)}: with so few compounds the {words.short} and the compound's own look "
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
    said = set()
    words = words_of(context["config"]["input"])
    for name, model in context["models"].items():
        compared = verdicts.verdict(model["evaluation"], words=words)
        if compared is None:
            yield _check(
                "note", f"Model “{name}” has no baseline", "Nothing says what is easy here."
            )
        else:
            yield _check(compared.status, f"Model “{name}”", f"It is {compared.text}.")
        for warning in verdicts.warnings(name, model["evaluation"], words):
            # Models of one split share the layout; single batches are said of the whole screen.
            if warning.title not in said and warning.id != "single-batch":
                said.add(warning.title)
                yield _check("warn", warning.title, warning.text)
    for found in context["summary"].get("warnings", []):
        if found["id"] == "large-units":
            yield _check("note", "Large units", found["text"])
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
                "pictures, at the channels it was given, and at what it trained from.",
            )
    for found in context["summary"].get("warnings", []):
        if found["id"] == "training-cut-short":
            yield _check("warn", f"Training of “{found['about']}” was cut short", found["text"])
    if segmentation["engines"]:
        images = segmentation["images"]
        test = images[images["set"] == "test"].iloc[0].to_dict()
        scores = next(iter(segmentation["engines"].values()))["scores"]
        n_groups, reason = scores["n_groups"], scores["ci"].get("reason")
        if reason:
            intervals = f"There are no intervals: {reason}."
        elif n_groups < int(test["images"]):
            intervals = f"Intervals are over the {n_groups} groups that they come from."
        else:
            intervals = "Intervals are over images."
        yield _check(
            "note",
            "What the segmentation was scored on",
            f"{int(test['images']):,} test images with {int(test['objects']):,} known {objects}; "
            f"nothing was fitted or tuned on them in this run. {intervals} {_same_source(images)}",
        )
    if segmentation["counts"] is not None:
        yield from _count_checks(segmentation, segmentation["counts"], context["config"])


def _count_checks(
    segmentation: SegmentationContext, counts: pd.DataFrame, config: Mapping[str, Any]
) -> Iterable[dict[str, str]]:
    """Check the counts of a screen, whose truth is not known."""
    objects, engine = segmentation["objects"], segmentation["measured_with"]
    for text in segmentation["cell_doubts"]:
        yield _check("warn", f"Implausible {objects.lower()}", f"Engine “{engine}”: {text}")
    empty = counts[counts["count"] == 0]
    if len(empty):
        flagged = int(empty["flagged"].sum())
        sites = _count(len(empty), "site", "sites")
        yield _check(
            "note" if flagged == len(empty) else "warn",
            f"No {objects.lower()} in {sites}",
            f"{engine} found none there: {listed(empty['site_id'])}. "
            f"{flagged:,} of {sites} {'is' if len(empty) == 1 else 'are'} flagged by quality.",
        )
    flagged = int(counts["flagged"].sum())
    if flagged and config["quality"]["exclude_flagged"]:
        yield _check(
            "note",
            f"Counts of {_count(flagged, 'flagged site', 'flagged sites')} are not used",
            "The baseline that knows nothing but cell counts leaves them out, as the models do.",
        )


def _same_source(images: pd.DataFrame) -> str:
    """Compose a sentence on where test images come from, by the table of images and sets."""
    if not images["set"].isin(["train", "validation"]).any():
        return "They say little about images of another laboratory, microscope or stain."
    return (
        "Test images come from the same set as training images. On images of other experiments, "
        "microscopes or stains, scores are usually lower."
    )


def _interval_checks(context: Context) -> Iterable[dict[str, str]]:
    """Say why there are no intervals or p-values, once per reason."""
    reasons: dict[str, list[str]] = {}
    for name, model in context["models"].items():
        entry = model["evaluation"]
        for level, scores in {"units": entry, **scored_levels(entry)}.items():
            reason = (scores.get("accuracy") or {}).get("reason")
            if reason:
                what = _level_word(level, entry)
                reasons.setdefault(str(reason), []).append(f"{what} of model “{name}”")
        for score in ("accuracy", "roc_auc"):
            found = entry.get(score) or {}
            if score == "roc_auc" and found.get("reason") and found.get("value") is None:
                reasons.setdefault(str(found["reason"]), []).append(f"ROC AUC of model “{name}”")
            if score == "accuracy" and found.get("p_reason"):
                yield _check(
                    "note", f"No p-value for model “{name}”", _sentence(str(found["p_reason"]))
                )
    for reason, where in reasons.items():
        yield _check("warn", f"No intervals for {listed(where, 4)}", _sentence(reason))


def _level_word(level: str, entry: Mapping[str, Any]) -> str:
    """Name a level of an evaluation in the plural."""
    return units_word(entry) if level == "units" else level


def _sentence(text: str) -> str:
    return sentence_case(text) + ("" if text.endswith(".") else ".")


def _count(n: int, one: str, many: str) -> str:
    return f"{n:,} {one if n == 1 else many}"


def listed(names: Iterable[Any], limit: int = 8) -> str:
    """Join names with commas, and count those beyond a limit."""
    items = [str(name) for name in names]
    text = ", ".join(items[:limit])
    return f"{text} and {len(items) - limit:,} more" if len(items) > limit else text


def score_table(context: Context) -> list[dict[str, Any]]:
    """Return the rows of the table of scores: the models of each split, then its baselines."""
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
            for name, baseline in verdicts.comparators(entry).items():
                key = (name, baseline["accuracy"]["value"])
                if key not in seen:
                    seen.add(key)
                    label = verdicts.baseline_name(name)
                    rows.append(score_row("baseline", label, baseline))
        for name, entry in models.items():
            if entry["accuracy"].get("null"):
                word = words_of(context["config"]["input"]).labels
                label = f"permuted {word}" + (f", {name}" if len(models) > 1 else "")
                if entry["accuracy"]["null"]["how"] == LABELS:
                    label += " (truth only)"
                rows.append(score_row("baseline", label, null_entry(entry)))
    return rows


def null_entry(entry: Mapping[str, Any]) -> dict[str, Any]:
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


def comparison_rows(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a row per model and baseline: by how much the model is ahead, in percentage points."""
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
                "name": f"model {name}" if is_model else verdicts.baseline_name(name),
                "accuracy": verdicts.points(scores["accuracy"], ""),
                "p": f"{scores['accuracy']['p']:.2g}" if "p" in scores["accuracy"] else "–",
                "balanced_accuracy": verdicts.points(scores["balanced_accuracy"], ""),
                "coarse": {level: verdicts.points(found, "") for level, found in coarse.items()},
            }
        )
    return rows


def selection_rows(entry: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return a row per candidate of a model that chose among several within the training units."""
    return [
        {
            "name": name,
            "folds": f"{found['folds']:,}",
            "balanced_accuracy": percent(found["balanced_accuracy"]),
        }
        for name, found in entry.get("selection", {}).items()
    ]


def place_rows(entry: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return a row per kind of place: how closely it goes with the mechanism."""
    return [
        {
            "name": kind,
            "places": f"{found['places']:,}",
            "cramers_v": "–" if found.get("cramers_v") is None else f"{found['cramers_v']:.2f}",
            "single": listed(f"{label} ({place})" for label, place in found["single"].items()),
        }
        for kind, found in entry.get("confounding", {}).items()
    ]


def score_row(kind: str, label: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scores of a model or baseline as text."""
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


def _plain(value: Any) -> str:
    number = value["value"] if isinstance(value, Mapping) else value
    return "–" if number is None else f"{number:.3f}"


def calibration_words(entry: Mapping[str, Any]) -> str:
    """Return sentences on how confidence and accuracy differ, and on what was done about it."""
    gap = verdicts.overconfidence(entry)
    if abs(gap) < 0.02:
        text = "On average it is as often right as it is confident."
    else:
        more = "more" if gap > 0 else "less"
        text = f"It is {more} confident than right, by {percent(abs(gap))} points on average."
    found = entry.get("calibration")
    if not found:
        return text
    done, folds = found["calibrated_folds"], found["folds"]
    if done:
        limit = ", at the limit of the search," if at_limit(found["temperature"]) else ""
        text += (
            f" Its logits were divided by a temperature, {found['temperature']:.2f} in the "
            f"median{limit or ','} "
            f"fitted in {done:,} of {folds:,} folds to units that were not trained on."
        )
    if done < folds:
        which = "Those of the others" if done else "Its probabilities"
        text += f" {which} are not calibrated: {found['reason']} (key `calibrate` of the head)."
    return text
