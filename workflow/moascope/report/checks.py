"""Checks of a run: limits of its scores, in sentences with a status."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from moascope.classification.evaluation.documents import LevelScores
from moascope.classification.evaluation.levels import scored_levels
from moascope.preprocessing.quality_review import BRIGHTFIELD, FAILED_PLATE, UNEVEN
from moascope.report import verdicts
from moascope.report.context import Context, RunOptions
from moascope.report.segmentation import SegmentationContext
from moascope.report.wording import (
    count,
    describe_audit,
    describe_audit_gaps,
    end_sentence,
    join_names,
    name_units,
    percent,
)

_QUALITY_TITLES = {
    FAILED_PLATE: "Quality of {about}",
    UNEVEN: "Loss of images and class go together",
    BRIGHTFIELD: "Is {about} a brightfield channel?",
}


def collect_checks(context: Context) -> list[dict[str, str]]:
    """Collect the limits of the results, and the checks that found nothing wrong.

    Parameters
    ----------
    context : Context
        From `context.load_context`.

    Returns
    -------
    list of dict
        status (warn, note, ok), title and text; warnings first.
    """
    found = list(_segmentation_checks(context))
    if context.has_screen:
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
    for found in context.summary.get("warnings", []):
        if found["id"] == "input":
            yield _check("note", "Notes on the input tables", found["text"])
    if context.options.is_simulated:
        yield _check(
            "warn",
            "Simulated images",
            "All images of this run are simulated. The scores show that the workflow runs; they "
            "do not describe real cells.",
        )
    for found in context.summary.get("warnings", []):
        if found["id"] == "image-sizes":
            status = "warn" if context.options.crops_images else "note"
            yield _check(status, "Images of different size", found["text"])
    scopes = {scope for method, scope in context.options.normalization if method != "anscombe"}
    if "plate" in scopes:
        yield _check(
            "warn",
            "Normalization uses test wells",
            "Intensity statistics come from all wells of a plate, including the test wells but "
            "not their labels. A plate with other treatments would be scaled differently.",
        )
    with_controls = [
        f"“{name}”" for name, split in context.splits.items() if split.config.include_controls
    ]
    if with_controls and "controls" in scopes:
        yield _check(
            "warn",
            "Normalization uses the control wells",
            f"Controls are a class in {count(len(with_controls), 'split')} "
            f"({join_names(with_controls)}), and the controls of a test plate also set its "
            "normalization. This matches a screen with controls marked on the plate map; the "
            "score of the control class is too high for unmarked wells.",
        )


def _quality_checks(context: Context) -> Iterable[dict[str, str]]:
    quality, words = context.quality, context.options.words
    flagged, n = int(quality["flagged"].sum()), len(quality)
    kept = "left out of" if context.options.exclude_flagged else "kept in"
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
    for warning in context.summary.get("warnings", []):
        if warning["id"] in _QUALITY_TITLES:
            title = _QUALITY_TITLES[warning["id"]].format(about=warning["about"])
            yield _check("warn", title, warning["text"])
    unread = len(context.quarantined)
    if unread:
        yield _check(
            "warn",
            f"{count(unread, words.site)} could not be read",
            "They are left out. "
            + " ".join(
                f"Images are {reason}: {join_names(sites)}."
                for reason, sites in context.quarantined.groupby("reason")["site_id"]
            ),
        )


def _left_out_baselines(context: Context) -> Iterable[dict[str, str]]:
    if context.models:
        yield _check(
            "note",
            "Baselines without plates",
            "There are no baselines of plate layout and cell counts: the images have no plates, "
            "and no cells are segmented.",
        )


def _label_checks(context: Context) -> Iterable[dict[str, str]]:
    units = context.units
    words = context.options.words
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
            "The scores do not measure how the model does on images of another batch.",
        )
    else:
        batches = labelled.groupby("moa")["batch"].nunique()
        single = batches[batches == 1].index
        if len(single):
            yield _check(
                "warn",
                f"{count(len(single), 'class')} imaged in a single batch",
                f"{join_names(single)}: a model can recognize such a class by its batch. The "
                f"scores cannot separate {words.short} and batch.",
            )
    compounds = labelled.groupby("moa")["compound"].nunique()
    few = compounds[compounds < 3].index
    if len(few):
        yield _check(
            "note",
            f"{count(len(few), 'class')} with fewer than three compounds",
            f"{join_names(few)}: so few compounds do not separate the effect of the {words.short} "
            "from that of single compounds.",
        )


def _split_checks(context: Context) -> Iterable[dict[str, str]]:
    for name, split in context.splits.items():
        audit = split.audit
        gaps = " ".join(["", describe_audit_gaps(audit)]) if audit["not_looked_at"] else ""
        if audit["passed"]:
            yield _check(
                "ok",
                f"Split “{name}” passed the leakage audit",
                f"No group or image is in both training and test: {describe_audit(audit)}.{gaps}",
            )
        elif not audit["messages"]:
            yield _check(
                "warn",
                f"Split “{name}” was not audited in full",
                "No group or image that was checked is in both training and test: "
                f"{describe_audit(audit) or 'nothing was checked'}.{gaps}",
            )
        else:
            yield _check(
                "warn",
                f"Split “{name}” leaks",
                " ".join(audit["messages"]) + f" Its scores are too high.{gaps}",
            )
        if audit["dropped"]:
            yield _check("note", f"Split “{name}” leaves out units", " ".join(audit["dropped"]))


def _model_checks(context: Context) -> Iterable[dict[str, str]]:
    reported = set()
    words = context.options.words
    for name, model in context.models.items():
        compared = verdicts.judge(model.evaluation, words=words)
        if compared is None:
            yield _check(
                "note",
                f"Model “{name}” has no baseline",
                "There are no baselines to compare it with.",
            )
        else:
            yield _check(compared.status, f"Model “{name}”", f"It is {compared.text}.")
        for warning in verdicts.find_warnings(name, model.evaluation, words):
            # Models of one split share the layout; `_label_checks` reports single batches.
            if warning.title not in reported and warning.id != "single-batch":
                reported.add(warning.title)
                yield _check("warn", warning.title, warning.text)
    for found in context.summary.get("warnings", []):
        if found["id"] == "large-units":
            yield _check("note", "Large units", found["text"])
    if len(context.models) > 1:
        yield _check(
            "note",
            "The headline is the best of several models",
            f"It was selected among {len(context.models)} models by the same test scores, so its "
            "score is slightly too high.",
        )


def _segmentation_checks(context: Context) -> Iterable[dict[str, str]]:
    segmentation = context.segmentation
    if segmentation is None:
        return
    objects = segmentation.objects.lower()
    for name, engine in segmentation.engines.items():
        if engine.scores["n_predicted"] == 0:
            yield _check(
                "warn",
                f"Engine “{name}” found nothing",
                f"It found no {objects} in the test images. Check the pictures, the channels of "
                "the engine, and its training images.",
            )
    for found in context.summary.get("warnings", []):
        if found["id"] == "training-cut-short":
            yield _check("warn", f"Training of “{found['about']}” was cut short", found["text"])
    if segmentation.engines:
        images = segmentation.images
        test = images[images["set"] == "test"].iloc[0].to_dict()
        scores = next(iter(segmentation.engines.values())).scores
        n_groups, reason = scores["n_groups"], scores["ci"].get("reason")
        if reason:
            intervals = f"There are no intervals: {reason}."
        elif n_groups < int(test["images"]):
            intervals = f"Intervals resample the {n_groups} groups of images."
        else:
            intervals = "Intervals resample images."
        yield _check(
            "note",
            "Test images of the segmentation",
            f"{int(test['images']):,} test images with {int(test['objects']):,} {objects} in "
            f"their reference masks; nothing was fitted or tuned on them in this run. "
            f"{intervals} {_describe_source(images)}",
        )
    if segmentation.counts is not None:
        yield from _count_checks(segmentation, segmentation.counts, context.options)


def _count_checks(
    segmentation: SegmentationContext, counts: pd.DataFrame, options: RunOptions
) -> Iterable[dict[str, str]]:
    """Check the counts of a screen, which has no reference masks."""
    objects, engine = segmentation.objects, segmentation.measured_with
    for text in segmentation.cell_doubts:
        yield _check("warn", f"Implausible {objects.lower()}", f"Engine “{engine}”: {text}")
    empty = counts[counts["count"] == 0]
    if len(empty):
        flagged = int(empty["flagged"].sum())
        sites = count(len(empty), options.words.site)
        yield _check(
            "note" if flagged == len(empty) else "warn",
            f"No {objects.lower()} in {sites}",
            f"{engine} found none in {join_names(empty['site_id'])}. "
            f"{flagged:,} of {sites} {'is' if len(empty) == 1 else 'are'} flagged by quality.",
        )
    flagged = int(counts["flagged"].sum())
    if flagged and options.exclude_flagged:
        yield _check(
            "note",
            f"Counts of {count(flagged, f'flagged {options.words.site}')} are not used",
            "The baseline of cell counts leaves them out, as the models do.",
        )


def _describe_source(images: pd.DataFrame) -> str:
    """Describe the source of the test images, by the table of images and sets."""
    if not images["set"].isin(["train", "validation"]).any():
        return "The scores may not hold for another laboratory, microscope or stain."
    return (
        "Test images come from the same set as training images. On images of other experiments, "
        "microscopes or stains, scores are usually lower."
    )


def _interval_checks(context: Context) -> Iterable[dict[str, str]]:
    """Collect the reasons for missing intervals and p-values, each once."""
    reasons: dict[str, list[str]] = {}
    for name, model in context.models.items():
        entry = model.evaluation
        levels: dict[str, LevelScores] = {"units": entry, **scored_levels(entry)}
        for level, scores in levels.items():
            accuracy = scores.get("accuracy")
            reason = accuracy.get("reason") if accuracy else None
            if reason:
                units = name_units(entry) if level == "units" else level
                reasons.setdefault(str(reason), []).append(f"{units} of model “{name}”")
        found = entry.get("accuracy")
        if found and found.get("p_reason"):
            yield _check("note", f"No p-value for model “{name}”", end_sentence(found["p_reason"]))
        area = entry.get("roc_auc")
        if area and area.get("reason") and area["value"] is None:
            reasons.setdefault(area["reason"], []).append(f"ROC AUC of model “{name}”")
    for reason, where in reasons.items():
        yield _check("warn", f"No intervals for {join_names(where, 4)}", end_sentence(reason))
