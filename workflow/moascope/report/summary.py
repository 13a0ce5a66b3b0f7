"""Contents of summary.json: the numbers of a run for a program, unrounded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict, cast

import pandas as pd

from moascope.classification.evaluation.documents import ModelScores, ModelSummary
from moascope.core.errors import RunWarning
from moascope.core.files import read_json, read_parquet
from moascope.images.size_documents import SizeSummary
from moascope.preprocessing.quality_review import QualityFindings, QualityReview
from moascope.profiling.cell_counts import CellDoubts, ScreenCounts, count_plates
from moascope.report import verdicts
from moascope.screen.site_table import ScreenFacts, ScreenSize
from moascope.screen.wording import Words
from moascope.segmentation.engines.options.training import NetworkTraining
from moascope.segmentation.schedule import stop_warnings
from moascope.segmentation.scores import EngineScores
from moascope.splits.audit import AuditResult


class InputSummary(ScreenSize):
    """Size and digest of a screen."""

    digest: str
    """See `site_table.digest`."""
    image_sizes: NotRequired[SizeSummary]
    """Of images that were read; a simulation has none."""


class QualityCounts(TypedDict):
    """Counts of sites by the outcome of reading and quality control."""

    measured_sites: int
    quarantined_sites: int
    """Sites left out, since an image is missing or unreadable."""
    quarantined_reasons: dict[str, int]
    flagged_sites: int
    reasons: dict[str, int]
    """Flagged sites by reason."""


class QualitySummary(QualityCounts, QualityFindings):
    """Counts of flags, and the findings of the review."""


class CellSummary(ScreenCounts):
    """Counts of the objects of a screen."""

    name: str
    """Name of the objects, such as Nuclei."""
    engine: str
    """Engine that found them."""
    expected_diameter: float | None
    """In px; None: not known."""


class Environment(TypedDict):
    """Software and devices that a run was computed with."""

    versions: dict[str, str]
    """Of Python, the platform and packages."""
    backend: NotRequired[str]
    """Absent where no job used a network; so is the device."""
    device: NotRequired[str]
    seed: int
    workflow_version: str


class Summary(TypedDict):
    """Content of summary.json; sections that a run does not have are absent."""

    run: str
    inputs: NotRequired[InputSummary]
    quality: NotRequired[QualitySummary]
    classification: NotRequired[dict[str, ModelSummary]]
    """By model."""
    segmentation: NotRequired[dict[str, EngineScores]]
    """By engine."""
    cells: NotRequired[CellSummary]
    warnings: NotRequired[list[RunWarning]]
    leakage_audit: NotRequired[dict[str, AuditResult]]
    """By split."""
    environment: Environment


class SummaryFiles(TypedDict):
    """Files that the summary is collected from. Those of a screen, or of its cells, may be absent.

    Lists are in the order of the models, splits and engines of the configuration.
    """

    segmentations: list[str]
    """Scores of engines."""
    histories: NotRequired[list[str]]
    """Training curves of engines."""
    inputs: NotRequired[str]
    """Facts on the input tables; without it there is no screen."""
    quality: NotRequired[str]
    review: NotRequired[str]
    evaluations: NotRequired[list[str]]
    audits: NotRequired[list[str]]
    checked_models: NotRequired[list[str]]
    """Of the check of networks; one or none."""
    sizes: NotRequired[list[str]]
    """Sizes of images; one or none."""
    counts: NotRequired[str]
    """Counts of objects by site; without it no cells are segmented."""
    cell_doubts: NotRequired[str]


@dataclass(frozen=True)
class SummaryOptions:
    """Options of a run that the summary depends on.

    Parameters
    ----------
    run : str
        Name of the run.
    models, splits, engines : sequence of str
        Names, in the order of their files.
    training : mapping of str to NetworkTraining
        By engine that was trained, in the order of the training curves.
    objects : str
        Name of the objects of the screen.
    measured_with : str or None
        Engine that found them.
    words : Words
        Words for classes and images.
    """

    run: str
    models: Sequence[str]
    splits: Sequence[str]
    engines: Sequence[str]
    training: Mapping[str, NetworkTraining]
    objects: str
    measured_with: str | None
    words: Words


class _CheckedModels(TypedDict):
    """Part of the result of the check of networks."""

    warnings: list[RunWarning]


class _CheckedSizes(SizeSummary):
    """Sizes of images with the warnings about them."""

    warnings: list[RunWarning]


@dataclass(frozen=True)
class _ScreenPart:
    """Sections of a screen, and the warnings about them."""

    inputs: InputSummary
    quality: QualitySummary
    evaluations: dict[str, ModelScores]
    audits: dict[str, AuditResult]
    warnings: list[RunWarning]


def collect(files: SummaryFiles, options: SummaryOptions, environment: Environment) -> Summary:
    """Collect the contents of summary.json from the files of a run.

    Parameters
    ----------
    files : SummaryFiles
        Results of the other rules.
    options : SummaryOptions
        Of the run.
    environment : Environment
        Of the run.

    Returns
    -------
    Summary
        With the warnings of all stages: input, quality, networks and sizes, classification, cells
        and training.
    """
    screen = _read_screen(files, options) if "inputs" in files else None
    warnings = list(screen.warnings) if screen else []
    cells = None
    if "counts" in files:
        doubts: CellDoubts = read_json(files["cell_doubts"])
        engine = options.measured_with or ""
        cells = _cell_summary(files["counts"], options.objects, engine, doubts)
        warnings += verdicts.cell_warnings(engine, doubts["doubts"])
    for (name, training), path in zip(
        options.training.items(), files.get("histories", []), strict=True
    ):
        warnings += stop_warnings(name, read_parquet(path), training)
    return build(
        options.run,
        environment,
        inputs=screen.inputs if screen else None,
        quality=screen.quality if screen else None,
        evaluations=screen.evaluations if screen else None,
        audits=screen.audits if screen else None,
        segmentations=dict(
            zip(options.engines, map(read_json, files["segmentations"]), strict=True)
        ),
        cells=cells,
        warnings=warnings,
    )


def _read_screen(files: SummaryFiles, options: SummaryOptions) -> _ScreenPart:
    facts: ScreenFacts = read_json(files["inputs"])
    review: QualityReview = read_json(files["review"])
    networks: list[_CheckedModels] = [read_json(path) for path in files["checked_models"]]
    sizes: list[_CheckedSizes] = [read_json(path) for path in files["sizes"]]
    evaluations: dict[str, ModelScores] = dict(
        zip(options.models, map(read_json, files["evaluations"]), strict=True)
    )
    audits: dict[str, AuditResult] = dict(
        zip(options.splits, map(read_json, files["audits"]), strict=True)
    )
    return _ScreenPart(
        inputs=_input_summary(facts, sizes),
        quality={
            **count_quality(read_parquet(files["quality"])),
            "flagged_plates": review["flagged_plates"],
            "by_class": review["by_class"],
            "undeclared_brightfield": review["undeclared_brightfield"],
        },
        evaluations=evaluations,
        audits=audits,
        warnings=[
            *verdicts.input_warnings(facts["notes"]),
            *review["warnings"],
            *(warning for check in networks for warning in check["warnings"]),
            *(warning for check in sizes for warning in check["warnings"]),
            *verdicts.summary_warnings(evaluations, audits, options.words),
        ],
    )


def _input_summary(facts: ScreenFacts, sizes: Sequence[_CheckedSizes]) -> InputSummary:
    """Return the facts without notes, and the sizes of images without warnings."""
    content = {key: value for key, value in facts.items() if key != "notes"}
    for checked in sizes:
        content["image_sizes"] = {key: value for key, value in checked.items() if key != "warnings"}
    return cast(InputSummary, content)


def _cell_summary(path: str, objects: str, engine: str, doubts: CellDoubts) -> CellSummary:
    return {
        "name": objects,
        "engine": engine,
        "expected_diameter": doubts["expected_diameter"],
        **count_plates(read_parquet(path)),
    }


def count_quality(quality: pd.DataFrame) -> QualityCounts:
    """Count flagged sites, in all and by reason.

    Parameters
    ----------
    quality : pandas.DataFrame
        The quality table of the screen: status, flagged (bool, missing where a site could not be
        read), reasons (";"-joined).

    Returns
    -------
    QualityCounts
        A site may have several reasons.
    """
    unread = quality["status"] == "quarantined"
    flagged = quality["flagged"].eq(True)
    reasons = quality.loc[flagged, "reasons"].str.split(";").explode().str.strip()
    return {
        "measured_sites": int((~unread).sum()),
        "quarantined_sites": int(unread.sum()),
        "quarantined_reasons": _counts(quality.loc[unread, "reason"]),
        "flagged_sites": int(flagged.sum()),
        "reasons": _counts(reasons[reasons != ""]),
    }


def _counts(values: pd.Series) -> dict[str, int]:
    counts = values.value_counts()
    return {str(name): int(counts[name]) for name in sorted(counts.index)}


def build(
    run: str,
    environment: Environment,
    *,
    inputs: InputSummary | None = None,
    quality: QualitySummary | None = None,
    evaluations: Mapping[str, ModelScores] | None = None,
    audits: Mapping[str, AuditResult] | None = None,
    segmentations: Mapping[str, EngineScores] | None = None,
    cells: CellSummary | None = None,
    warnings: Sequence[RunWarning] = (),
) -> Summary:
    """Build the contents of summary.json.

    Parameters
    ----------
    run : str
        Name of the run.
    environment : Environment
        Of the run.
    inputs : InputSummary, optional
        Of a screen; the same holds for quality.
    quality : QualitySummary, optional
        Counts of flags, and the findings of the review.
    evaluations : mapping of str to ModelScores, optional
        By model; ``details``, which only the report needs, are left out.
    audits : mapping of str to AuditResult, optional
        By split.
    segmentations : mapping of str to EngineScores, optional
        By engine.
    cells : CellSummary, optional
        Counts of the objects of a screen.
    warnings : sequence of RunWarning
        Warnings for readers.

    Returns
    -------
    Summary
        Ready for JSON. Unknown values (None or NaN) and empty sections are absent; nothing is
        rounded.
    """
    content = {
        "run": run,
        "inputs": inputs or {},
        "quality": quality or {},
        "classification": {
            name: {key: value for key, value in entry.items() if key != "details"}
            for name, entry in (evaluations or {}).items()
        },
        "segmentation": segmentations or {},
        "cells": cells or {},
        "warnings": list(warnings) or None,
        "leakage_audit": audits or {},
        "environment": environment,
    }
    return cast(Summary, _known(content))


def _known(value: Any) -> Any:
    """Return a value without entries that are None or NaN, with plain numbers.

    A null with a `reason` in the same entry stays.
    """
    if isinstance(value, Mapping):
        cleaned = {str(key): _known(item) for key, item in value.items() if item != {}}
        explained = "reason" in cleaned or "p_reason" in cleaned
        return {
            key: item
            for key, item in cleaned.items()
            if (item is not None or explained) and item != {}
        }
    if isinstance(value, list | tuple):
        return [_known(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
