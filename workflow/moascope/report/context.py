"""Content of the report, read from the files of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import pandas as pd

from moascope.classification.ensembles.options import Ensemble
from moascope.classification.evaluation.documents import Mistake, ModelScores
from moascope.core.files import read_array, read_json, read_parquet
from moascope.core.options import restore
from moascope.report import segmentation as report_segmentation
from moascope.report.explanations.content import ExplanationContext, load_explanations
from moascope.report.figures import embedding
from moascope.report.figures.pictures import Array
from moascope.report.options import ListedAugmentation, Report, ReportedRun
from moascope.report.segmentation import SegmentationContext, SegmentationFiles
from moascope.report.summary import Summary
from moascope.screen.wording import MECHANISM, Words, words_of
from moascope.splits.audit import AuditResult
from moascope.splits.options import Split

MAX_MISTAKES = 24
MAX_FLAGGED = 12


@dataclass(frozen=True)
class SplitContext:
    """One split: its options, who is in which set, and its leakage audit."""

    config: Split
    table: pd.DataFrame
    groups: pd.DataFrame
    audit: AuditResult


@dataclass(frozen=True)
class ModelContext:
    """One model: its options and its results.

    Attributes
    ----------
    config : dict
        Its options as plain values, for the template.
    evaluation : ModelScores
        Its scores, with those of the baselines.
    predictions : pandas.DataFrame
        Test units of all folds.
    history : pandas.DataFrame or None
        Training curves.
    embedding : pandas.DataFrame or None
        Table of `figures.embedding.embedding_map` with the column unit_id instead of row.
    """

    config: dict[str, Any]
    evaluation: ModelScores
    predictions: pd.DataFrame
    history: pd.DataFrame | None
    embedding: pd.DataFrame | None


@dataclass(frozen=True)
class EnsembleContext:
    """One ensemble: its options and its scores."""

    config: Ensemble
    evaluation: ModelScores


@dataclass(frozen=True)
class RunOptions:
    """Options of a run that the report depends on.

    Attributes
    ----------
    run, seed, report :
        As in the configuration.
    words : Words
        Words for classes and images.
    channels, brightfield, groups : tuple of str
        Of the section `input`; empty without a screen.
    plate_format : {96, 384, 1536}
        Wells of a plate.
    is_simulated, crops_images : bool
        Whether images are simulated, and whether larger images are cropped to one size.
    exclude_flagged : bool
        Whether flagged sites are left out of classification.
    confidence : float
        Level of intervals, in (0, 1).
    normalization : tuple of (str, str)
        Method and scope of each step.
    augmentation : tuple of ListedAugmentation
        In order.
    crop : int or None
        Side of a cell unit in px; None where units are sites or tiles.
    tile_columns : int
        Tiles along the width of a site.
    """

    run: str
    seed: int
    report: Report
    words: Words
    channels: tuple[str, ...]
    brightfield: tuple[str, ...]
    groups: tuple[str, ...]
    plate_format: int
    is_simulated: bool
    crops_images: bool
    exclude_flagged: bool
    confidence: float
    normalization: tuple[tuple[str, str], ...]
    augmentation: tuple[ListedAugmentation, ...]
    crop: int | None
    tile_columns: int

    @classmethod
    def of(cls, config: ReportedRun) -> RunOptions:
        """Return the options of a configuration."""
        screen, cells = config.input, config.units.cells
        return cls(
            run=config.run,
            seed=config.seed,
            report=config.report,
            words=words_of(screen.format, screen.label_name) if screen else MECHANISM,
            channels=tuple(screen.channels) if screen else (),
            brightfield=tuple(screen.brightfield) if screen else (),
            groups=tuple(screen.groups) if screen else (),
            plate_format=screen.plate_format if screen else 96,
            is_simulated=screen is not None and screen.format == "simulate",
            crops_images=screen is not None and screen.on_size_mismatch == "crop",
            exclude_flagged=config.quality.exclude_flagged,
            confidence=config.evaluation.confidence,
            normalization=tuple((step.method, step.scope) for step in config.normalization.steps),
            augmentation=tuple(config.augmentation),
            crop=cells.crop if cells else None,
            tile_columns=config.units.tiles[1],
        )


@dataclass(frozen=True)
class Context:
    """Content of the report; nothing is read while the report is built.

    Attributes
    ----------
    config : dict
        The whole checked configuration as plain values.
    has_screen : bool
        Without a screen only config, summary and segmentation have content.
    summary : Summary
        The report takes inputs, quality, warnings and environment from it.
    quality : pandas.DataFrame
        Quality table of all sites that were read.
    quarantined : pandas.DataFrame
        Sites left out because their images could not be read: site_id, reason (missing or
        unreadable), message.
    units : pandas.DataFrame
        Units table of all plates.
    splits, models : dict
        By name, in the order of the configuration.
    images : dict of str to ndarray, each (H, W, C)
        Pixels of the units that are shown, by unit_id, nominal range [0, 1].
    pixel_um : float or None
        Side of a pixel of `images` in micrometres.
    augmentation : ndarray, shape (n, k, H, W, C), or None
        Unchanged, then augmented: a row for each augmentation, then rows for all together.
    segmentation : SegmentationContext or None
        None where nothing was segmented.
    ensembles : dict
        By name, in the order of the configuration.
    explanations : dict
        By model; only of those that are explained.
    """

    config: dict[str, Any]
    has_screen: bool
    summary: Summary
    quality: pd.DataFrame
    quarantined: pd.DataFrame
    units: pd.DataFrame
    splits: dict[str, SplitContext]
    models: dict[str, ModelContext]
    images: dict[str, Array]
    pixel_um: float | None
    augmentation: Array | None
    segmentation: SegmentationContext | None
    ensembles: dict[str, EnsembleContext] = field(default_factory=dict)
    explanations: dict[str, ExplanationContext] = field(default_factory=dict)

    @cached_property
    def options(self) -> RunOptions:
        """Options of the run."""
        return RunOptions.of(restore(ReportedRun, self.config))


@dataclass(frozen=True)
class SplitFiles:
    """Files of a split: table and groups (parquet), leakage audit (JSON)."""

    table: str | Path
    groups: str | Path
    audit: str | Path


@dataclass(frozen=True)
class ModelFiles:
    """Files of a model.

    Attributes
    ----------
    evaluation : path
        JSON.
    predictions, history : path
        Parquet; history is None without training curves.
    embedding : path
        npy.
    embedding_index : path
        Parquet with the unit_id of every row of `embedding`.
    """

    evaluation: str | Path
    predictions: str | Path
    embedding: str | Path
    embedding_index: str | Path
    history: str | Path | None


@dataclass(frozen=True)
class ScreenFiles:
    """Files of a screen.

    Attributes
    ----------
    units : path
        Parquet of the whole screen.
    quality : path
        Parquet: the quality table joined to the outcome of reading every site (status, message,
        height, width).
    pixels : sequence of path
        npy, one per plate; together they follow the units.
    augmentation : path or None
        npy.
    splits, models : dict
        By name, in the order of the configuration.
    ensembles : dict of str to path
        Evaluations by name, in the order of the configuration.
    explanations : dict of str to (path, path)
        Maps (HDF5) and scores (parquet) of explained models.
    """

    units: str | Path
    quality: str | Path
    pixels: Sequence[str | Path]
    augmentation: str | Path | None
    splits: dict[str, SplitFiles]
    models: dict[str, ModelFiles]
    ensembles: Mapping[str, str | Path] = field(default_factory=dict)
    explanations: Mapping[str, tuple[str | Path, str | Path]] = field(default_factory=dict)


@dataclass(frozen=True)
class ReportFiles:
    """Files of a run: summary (JSON), screen (None without one) and segmentation."""

    summary: str | Path
    screen: ScreenFiles | None
    segmentation: SegmentationFiles


def load_context(files: ReportFiles, config: Mapping[str, Any]) -> Context:
    """Read the content of the report from the files of a run.

    Parameters
    ----------
    files : ReportFiles
        Files of the run.
    config : mapping
        The whole configuration as plain values.

    Returns
    -------
    Context
        Only the pixels that the report shows are read.
    """
    run = restore(ReportedRun, config)
    screen = (
        _Screen() if files.screen is None else _load_screen(files.screen, run, config["models"])
    )
    return Context(
        config=dict(config),
        has_screen=files.screen is not None,
        summary=read_json(files.summary),
        quality=screen.quality,
        quarantined=screen.quarantined,
        units=screen.units,
        splits=screen.splits,
        models=screen.models,
        ensembles=screen.ensembles,
        explanations=screen.explanations,
        images=screen.images,
        pixel_um=screen.pixel_um,
        augmentation=screen.augmentation,
        segmentation=report_segmentation.load(files.segmentation, run.segmentation),
    )


class ScreenInputs(TypedDict, total=False):
    """Files of a screen as flat lists, in the order of the splits and models."""

    units: str
    quality: str
    pixels: list[str]
    splits: list[str]
    groups: list[str]
    audits: list[str]
    evaluations: list[str]
    predictions: list[str]
    embeddings: list[str]
    embedded: list[str]
    histories: list[str]
    """Only of models with training curves."""
    ensembles: list[str]
    """Their evaluations."""
    augmentation: list[str]
    """One or none."""
    explanations: list[str]
    explanation_scores: list[str]
    """Only of explained models."""


def screen_files(
    given: ScreenInputs,
    splits: Sequence[str],
    models: Sequence[str],
    has_curves: Sequence[bool],
    ensembles: Sequence[str] = (),
    explained: Sequence[str] = (),
) -> ScreenFiles | None:
    """Sort the files of a screen by split and model.

    Parameters
    ----------
    given : ScreenInputs
        Flat lists of files; empty without a screen.
    splits, models, ensembles, explained : sequence of str
        Their names, in the order of the files.
    has_curves : sequence of bool
        By model.

    Returns
    -------
    ScreenFiles or None
        None without units.
    """
    if "units" not in given:
        return None
    histories = iter(given["histories"])
    return ScreenFiles(
        units=given["units"],
        quality=given["quality"],
        pixels=given["pixels"],
        augmentation=next(iter(given["augmentation"]), None),
        splits={
            name: SplitFiles(table=table, groups=groups, audit=audit)
            for name, table, groups, audit in zip(
                splits, given["splits"], given["groups"], given["audits"], strict=True
            )
        },
        models={
            name: ModelFiles(
                evaluation=given["evaluations"][number],
                predictions=given["predictions"][number],
                embedding=given["embeddings"][number],
                embedding_index=given["embedded"][number],
                history=next(histories) if has_curves[number] else None,
            )
            for number, name in enumerate(models)
        },
        ensembles=dict(zip(ensembles, given.get("ensembles", []), strict=True)),
        explanations=dict(
            zip(
                explained,
                zip(
                    given.get("explanations", []), given.get("explanation_scores", []), strict=True
                ),
                strict=True,
            )
        ),
    )


@dataclass(frozen=True)
class _Screen:
    """Content about a screen, see `Context`; empty without one."""

    quality: pd.DataFrame = field(default_factory=pd.DataFrame)
    quarantined: pd.DataFrame = field(default_factory=pd.DataFrame)
    units: pd.DataFrame = field(default_factory=pd.DataFrame)
    splits: dict[str, SplitContext] = field(default_factory=dict)
    models: dict[str, ModelContext] = field(default_factory=dict)
    ensembles: dict[str, EnsembleContext] = field(default_factory=dict)
    explanations: dict[str, ExplanationContext] = field(default_factory=dict)
    images: dict[str, Array] = field(default_factory=dict)
    pixel_um: float | None = None
    augmentation: Array | None = None


def _load_screen(
    files: ScreenFiles, run: ReportedRun, models: Mapping[str, dict[str, Any]]
) -> _Screen:
    units = read_parquet(files.units)
    options = RunOptions.of(run)
    sites = read_parquet(files.quality)
    unread = sites["status"] == "quarantined"
    quality = sites[~unread].astype({"flagged": bool}).reset_index(drop=True)
    shown_models = {
        name: _load_model(found, models[name], options.seed) for name, found in files.models.items()
    }
    examples = example_units(
        units,
        options.seed,
        options.report.max_examples,
        with_flagged=not options.exclude_flagged,
    )
    shown = {unit for _, chosen in examples for unit in chosen}
    shown.update(flagged_units(units, quality)["unit_id"])
    for model in shown_models.values():
        shown.update(mistake["unit_id"] for mistake in shown_mistakes(model.evaluation))
    ensembles = {
        name: EnsembleContext(run.ensembles[name], read_json(path))
        for name, path in files.ensembles.items()
    }
    for ensemble in ensembles.values():
        mistakes = ensemble.evaluation["details"]["mistakes"]
        shown.update(mistake["unit_id"] for mistake in mistakes)
    explanations = load_explanations(files.explanations)
    for explanation in explanations.values():
        shown.update(explanation.units["unit_id"])
    images = _read_images(files.pixels, units["unit_id"], shown)
    preview = files.augmentation
    return _Screen(
        quality=quality,
        quarantined=sites.loc[unread, ["site_id", "reason", "message"]].reset_index(drop=True),
        units=units,
        splits={
            name: SplitContext(
                config=run.splits[name],
                table=read_parquet(found.table),
                groups=read_parquet(found.groups),
                audit=read_json(found.audit),
            )
            for name, found in files.splits.items()
        },
        models=shown_models,
        ensembles=ensembles,
        explanations=explanations,
        images=images,
        pixel_um=_pixel_size(options, quality, images.values()),
        augmentation=read_array(preview) if preview else None,
    )


def _load_model(files: ModelFiles, config: dict[str, Any], seed: int) -> ModelContext:
    return ModelContext(
        config=config,
        evaluation=read_json(files.evaluation),
        predictions=read_parquet(files.predictions),
        history=read_parquet(files.history) if files.history else None,
        embedding=_load_embedding(files.embedding, files.embedding_index, seed),
    )


def _load_embedding(path: str | Path, index: str | Path, seed: int) -> pd.DataFrame | None:
    names = read_parquet(index, ["unit_id"])["unit_id"].to_numpy()
    features = read_array(path, mapped=True)
    if len(features) < 3:
        return None
    table = embedding.embedding_map(features, seed)
    table["unit_id"] = names[table.pop("row")]
    return table


def _read_images(
    paths: Sequence[str | Path], unit_ids: pd.Series, shown: set[str]
) -> dict[str, Array]:
    """Read single units from the arrays of the plates, which together follow the units table."""
    images: dict[str, Array] = {}
    names, start = unit_ids.to_numpy(), 0
    wanted = unit_ids.isin(shown).to_numpy()
    for path in paths:
        pixels = read_array(path, mapped=True)
        for row in np.flatnonzero(wanted[start : start + len(pixels)]):
            images[str(names[start + row])] = np.asarray(pixels[row], dtype=np.float32)
        start += len(pixels)
    return images


def _pixel_size(
    options: RunOptions, quality: pd.DataFrame, images: Iterable[Array]
) -> float | None:
    """Return the micrometres per pixel of a unit, if they are known and the same everywhere."""
    widths, originals = quality["width"].unique(), quality["pixel_size_um"].unique()
    first = next(iter(images), None)
    if first is None or len(widths) != 1 or len(originals) != 1 or np.isnan(originals[0]):
        return None
    width = options.crop or int(widths[0]) // options.tile_columns
    return float(originals[0]) * width / first.shape[1]


def example_units(
    units: pd.DataFrame, seed: int, n: int, *, with_flagged: bool = False
) -> list[tuple[str, list[str]]]:
    """Choose examples of every class, and of the controls, that show its variety.

    Parameters
    ----------
    units : pandas.DataFrame
        The units table.
    seed : int
        Seed of the choice.
    n : int
        Examples per class.
    with_flagged : bool
        Whether flagged units are classified, so that they can be examples.

    Returns
    -------
    list of (str, list of str)
        Class and unit ids, alternating between compounds. Controls come first, unlabelled
        units last.
    """
    shown = units["usable"] & (with_flagged | ~units["flagged"].astype(bool))
    usable = units[shown].sample(frac=1, random_state=seed)
    labels = class_labels(usable)
    chosen = []
    for name in class_order(labels, first="control"):
        rows = usable[labels == name]
        turns = rows.assign(turn=rows.groupby("compound").cumcount())
        turns = turns.sort_values(["turn", "compound"], kind="stable")
        chosen.append((name, turns["unit_id"].head(n).tolist()))
    return chosen


def class_labels(units: pd.DataFrame) -> pd.Series:
    """Return the mechanism of every unit, or "control" or "unlabelled"."""
    labels = units["moa"].replace("", "unlabelled")
    return labels.mask((units["role"] == "control") & (units["moa"] == ""), "control")


def class_order(labels: pd.Series, first: str = "") -> list[str]:
    """Sort class labels: `first`, then mechanisms by name, then units without one."""
    last = {"control": 1, "unlabelled": 2}
    return sorted(map(str, labels.unique()), key=lambda x: (x != first, last.get(x, 0), x))


def flagged_units(units: pd.DataFrame, quality: pd.DataFrame) -> pd.DataFrame:
    """Choose the flagged units that are shown, alternating between the reasons.

    Parameters
    ----------
    units, quality : pandas.DataFrame
        Units table and quality table.

    Returns
    -------
    pandas.DataFrame
        Columns unit_id and reasons, at most `MAX_FLAGGED` rows, one per site.
    """
    flagged = quality.loc[quality["flagged"], ["site_id", "reasons"]]
    first = units.drop_duplicates("site_id")[["site_id", "unit_id"]]
    rows = flagged.merge(first, on="site_id")
    rows["turn"] = rows.groupby("reasons").cumcount()
    rows = rows.sort_values(["turn", "reasons"], kind="stable")
    return rows[["unit_id", "reasons"]].head(MAX_FLAGGED).reset_index(drop=True)


def shown_mistakes(evaluation: ModelScores) -> list[Mistake]:
    """Return the misclassified units that are shown, the most confident first."""
    return evaluation["details"]["mistakes"][:MAX_MISTAKES]
