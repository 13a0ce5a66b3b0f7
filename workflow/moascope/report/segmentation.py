"""Segmentation in the report: comparison of engines, pictures and counts."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt
import pandas as pd

from moascope.core.files import read_json, read_parquet
from moascope.core.hdf5 import open_h5, read_dataset
from moascope.report.figures import pictures as composites
from moascope.report.figures import plate_map, segmentation, style
from moascope.report.figures.segmentation import RGB
from moascope.report.options import ReportedEngine, ReportedSegmentation
from moascope.segmentation.label_windows import SITE_SIDE
from moascope.segmentation.scores import EngineScores

MAX_PICTURES = 8
MAX_DOUBTS = 20
PANEL_SIDE = 256


@dataclass(frozen=True)
class ComparedImage:
    """Test image with its reference masks and what an engine found."""

    name: str
    ap_50: float
    mean_ap: float
    n_objects: int
    n_predicted: int
    is_part: bool
    """Whether it shows a part of the image."""
    panels: dict[str, RGB]
    """By title."""


@dataclass(frozen=True)
class SitePicture:
    """Site of a screen with the outlines of its objects, see `site_samples.write`."""

    plate: str
    site_id: str
    count: int
    note: str
    is_odd: bool
    is_part: bool
    picture: RGB


@dataclass(frozen=True)
class EngineContext:
    """One engine: its method and its results on the test images."""

    method: str
    is_given: bool
    """Whether its model was given, with training images that are not known."""
    scores: EngineScores
    by_image: pd.DataFrame
    history: pd.DataFrame | None
    pictures: list[ComparedImage]


@dataclass(frozen=True)
class SegmentationContext:
    """Content of the section on segmentation.

    Attributes
    ----------
    objects : str
        Name of the objects, such as Nuclei.
    images : pandas.DataFrame
        Annotated images and their objects by set: set, images, objects.
    doubts : list of str
        Doubts about reference masks, one text per image.
    engines : dict of str to EngineContext
        By name.
    counts : pandas.DataFrame or None
        See `cell_counts`; None where no screen was measured.
    cell_doubts : list of str
        See `cell_counts.doubts`.
    samples : list of SitePicture
        Sites to look at.
    measured_with : str or None
        Engine that measured the screen.
    """

    objects: str
    images: pd.DataFrame
    doubts: list[str]
    engines: dict[str, EngineContext]
    counts: pd.DataFrame | None
    cell_doubts: list[str]
    samples: list[SitePicture]
    measured_with: str | None


@dataclass(frozen=True)
class EngineFiles:
    """Files of an engine.

    Attributes
    ----------
    scores : path
        JSON.
    by_image, history : path
        Parquet; history is None without training.
    labels : path
        HDF5 with the label images of the test images.
    """

    scores: str | Path
    by_image: str | Path
    labels: str | Path
    history: str | Path | None


@dataclass(frozen=True)
class SegmentationFiles:
    """Files of the segmentation.

    Attributes
    ----------
    engines : dict of str to EngineFiles
        By name.
    annotated, annotated_table : path or None
        Annotated images (HDF5) and their table (parquet).
    counts, cell_doubts : path or None
        Counts of the screen (parquet) and doubts about them (JSON).
    samples, sample_table : path or None
        Sites to show (HDF5) and their table (parquet).
    """

    engines: dict[str, EngineFiles]
    annotated: str | Path | None = None
    annotated_table: str | Path | None = None
    counts: str | Path | None = None
    cell_doubts: str | Path | None = None
    samples: str | Path | None = None
    sample_table: str | Path | None = None


def load(files: SegmentationFiles, options: ReportedSegmentation) -> SegmentationContext | None:
    """Read the content of the section from the files of a run.

    Parameters
    ----------
    files : SegmentationFiles
        Files of the run.
    options : ReportedSegmentation
        The section of the configuration.

    Returns
    -------
    SegmentationContext or None
        None where nothing was segmented.
    """
    if not files.engines and files.counts is None:
        return None
    images = pd.DataFrame({"set": [], "images": [], "objects": []})
    doubts: list[str] = []
    if files.annotated_table:
        table = read_parquet(files.annotated_table)
        grouped = table.groupby("set")["n_objects"]
        images = pd.DataFrame({"images": grouped.size(), "objects": grouped.sum()}).reset_index()
        doubts = table.loc[table["warnings"] != "", "warnings"].tolist()
    return SegmentationContext(
        objects=options.objects,
        images=images,
        doubts=doubts,
        engines={
            name: _load_engine(found, options.engines[name], files.annotated)
            for name, found in files.engines.items()
        },
        counts=read_parquet(files.counts) if files.counts else None,
        cell_doubts=read_json(files.cell_doubts)["doubts"] if files.cell_doubts else [],
        samples=_load_samples(files),
        measured_with=options.measure_with or next(iter(options.engines), None),
    )


class SegmentationInputs(TypedDict, total=False):
    """Files of the segmentation as flat lists, in the order of the engines; any may be missing."""

    annotated: str
    annotated_table: str
    engine_scores: list[str]
    engine_by_image: list[str]
    engine_labels: list[str]
    engine_histories: list[str]
    """Only of engines that were trained."""
    counts: str
    cell_doubts: str
    samples: str
    sample_table: str


def segmentation_files(
    given: SegmentationInputs, engines: Sequence[str], is_trained: Sequence[bool]
) -> SegmentationFiles:
    """Sort the files of the segmentation by engine.

    Parameters
    ----------
    given : SegmentationInputs
        Flat lists of files.
    engines : sequence of str
        Engines that were scored.
    is_trained : sequence of bool
        By engine.

    Returns
    -------
    SegmentationFiles
        Missing files are None.
    """
    histories = iter(given.get("engine_histories", []))
    return SegmentationFiles(
        engines={
            name: EngineFiles(
                scores=given["engine_scores"][number],
                by_image=given["engine_by_image"][number],
                labels=given["engine_labels"][number],
                history=next(histories) if is_trained[number] else None,
            )
            for number, name in enumerate(engines)
        },
        annotated=given.get("annotated"),
        annotated_table=given.get("annotated_table"),
        counts=given.get("counts"),
        cell_doubts=given.get("cell_doubts"),
        samples=given.get("samples"),
        sample_table=given.get("sample_table"),
    )


def _load_engine(
    files: EngineFiles, options: ReportedEngine, annotated: str | Path | None
) -> EngineContext:
    if annotated is None:
        raise ValueError("scores of engines need the annotated images")
    by_image = read_parquet(files.by_image)
    # Images without reference objects and without predictions show nothing.
    shown = by_image[(by_image["n_objects"] > 0) | (by_image["n_predicted"] > 0)]
    worst = shown.sort_values(["mean_ap", "name"]).head(MAX_PICTURES)
    pictures = []
    with open_h5(annotated) as annotations, open_h5(files.labels) as predictions:
        for row in worst.to_dict("records"):
            key = f"{row['row']:06d}"
            image = read_dataset(annotations, f"images/{key}")[0]
            truth = read_dataset(annotations, f"labels/{key}")
            labels = read_dataset(predictions, f"labels/{key}")
            drawn = segmentation.panels(image, truth, labels, PANEL_SIDE)
            side = PANEL_SIDE * segmentation.shrinkage(truth, PANEL_SIDE)
            is_part = max(image.shape) > side
            pictures.append(
                ComparedImage(
                    name=row["name"],
                    ap_50=row["ap_50"],
                    mean_ap=row["mean_ap"],
                    n_objects=row["n_objects"],
                    n_predicted=row["n_predicted"],
                    is_part=is_part,
                    panels=drawn,
                )
            )
    return EngineContext(
        method=options.method,
        is_given=options.model is not None,
        scores=read_json(files.scores),
        by_image=by_image,
        history=read_parquet(files.history) if files.history else None,
        pictures=pictures,
    )


def _load_samples(files: SegmentationFiles) -> list[SitePicture]:
    if files.samples is None or files.sample_table is None:
        return []
    samples = []
    with open_h5(files.samples) as file:
        for number, row in enumerate(read_parquet(files.sample_table).to_dict("records")):
            image = read_dataset(file, f"images/{number:06d}")
            labels = read_dataset(file, f"labels/{number:06d}")
            limits = (row["low"], row["high"])
            samples.append(
                SitePicture(
                    plate=row["plate"],
                    site_id=row["site_id"],
                    count=row["count"],
                    note=row["note"],
                    is_odd=row["is_odd"],
                    is_part=row["is_part"],
                    picture=segmentation.overlay(image, labels, limits, SITE_SIDE),
                )
            )
    return samples


def section(
    context: SegmentationContext | None,
    plate_format: int,
    max_plates: int,
    *,
    has_plates: bool = True,
) -> dict[str, Any] | None:
    """Compose the section for the template.

    Parameters
    ----------
    context : SegmentationContext or None
        From `load`.
    plate_format : {96, 384, 1536}
        Wells of the plates that were measured.
    max_plates : int
        Plates whose counts are drawn.
    has_plates : bool
        Whether images are of plates; no maps are drawn of others.

    Returns
    -------
    dict or None
        Rows of tables, SVG figures and pictures.
    """
    if context is None:
        return None
    engines = context.engines
    return {
        "objects": context.objects,
        "noun": context.objects.lower(),
        "images": context.images.to_dict("records"),
        # The training images of given models are unknown.
        "same_source": any(engine.history is not None for engine in engines.values()),
        "n_doubts": len(context.doubts),
        "doubts": context.doubts[:MAX_DOUBTS],
        "rows": [_row(name, engine) for name, engine in engines.items()],
        "given": [name for name, engine in engines.items() if engine.is_given],
        "curves": _curves(engines) if engines else None,
        "sizes": _sizes(engines) if engines else None,
        "engines": [
            {
                "name": name,
                "networks": _networks(engine.history),
                "training": None
                if engine.history is None
                else segmentation.learning_curve(
                    engine.history, f"Training of {name}: loss and validation AP over steps"
                ),
                "pictures": [_picture(picture) for picture in engine.pictures],
            }
            for name, engine in engines.items()
        ],
        "outlines": segmentation.OUTLINES,
        "counts": _counts(context.counts, plate_format, max_plates, has_plates),
        "samples": _samples(context.samples, context.objects.lower()),
        "measured_with": context.measured_with,
    }


def standalone_figures(context: SegmentationContext | None) -> dict[str, str]:
    """Draw the main figures: segmentation.ap.svg and segmentation.sizes.svg, as SVG text."""
    if context is None or not context.engines:
        return {}
    engines = context.engines
    return {"segmentation.ap.svg": _curves(engines), "segmentation.sizes.svg": _sizes(engines)}


def _networks(history: pd.DataFrame | None) -> int:
    """Count the networks of an ensemble."""
    return history["member"].nunique() if history is not None and "member" in history else 1


def _row(name: str, engine: EngineContext) -> dict[str, Any]:
    scores = engine.scores
    return {
        "name": name,
        "method": engine.method,
        "ap": scores["ap"]["0.5"],
        "ap_75": scores["ap"].get("0.75"),
        "mean_ap": scores["mean_ap"],
        "ap_ci": _interval(scores["ci"]["ap_50"]),
        "mean_ci": _interval(scores["ci"]["mean_ap"]),
        "no_ci": scores["ci"].get("reason"),
        "resampled": "images"
        if scores["n_groups"] == scores["n_images"]
        else f"the {scores['n_groups']} groups of images",
        "by_image": scores["by_image"]["ap"]["0.5"],
        "panoptic": scores["panoptic_quality"]["0.5"],
        "seg": scores["seg"],
        "iou": scores["foreground_iou"],
        "count_error": f"{100 * scores['count_error']:.1f}" if scores["n_objects"] else "–",
        "empty": int(
            ((engine.by_image["n_objects"] == 0) & (engine.by_image["n_predicted"] == 0)).sum()
        ),
        "n_predicted": scores["n_predicted"],
        "n_objects": scores["n_objects"],
        "seconds": scores["seconds_per_image"],
    }


def _interval(limits: Sequence[float] | None) -> str:
    return f"{limits[0]:.3f}–{limits[1]:.3f}" if limits else ""


def _curves(engines: Mapping[str, EngineContext]) -> str:
    scores = {name: engine.scores for name, engine in engines.items()}
    listing = "; ".join(f"{name} {entry['ap']['0.5']:.3f} at 0.5" for name, entry in scores.items())
    return segmentation.ap_curves(scores, f"Average precision over IoU: {listing}")


def _sizes(engines: Mapping[str, EngineContext]) -> str:
    first = next(iter(engines.values())).by_image
    areas: dict[str, npt.NDArray[Any]] = {"reference": _joined(first["true_areas"])}
    areas |= {name: _joined(engine.by_image["found_areas"]) for name, engine in engines.items()}
    listing = "; ".join(f"{name} {len(values)}" for name, values in areas.items())
    return segmentation.size_distribution(areas, f"Sizes of objects. Objects: {listing}")


def _joined(lists: pd.Series) -> npt.NDArray[Any]:
    return np.concatenate([np.asarray(values, float) for values in lists] or [np.empty(0)])


def _picture(picture: ComparedImage) -> dict[str, Any]:
    return {
        "name": style.shorten(picture.name),
        "ap": picture.ap_50,
        "mean_ap": picture.mean_ap,
        "n_objects": picture.n_objects,
        "n_predicted": picture.n_predicted,
        "is_part": picture.is_part,
        "panels": [{"title": title, "src": _source(rgb)} for title, rgb in picture.panels.items()],
    }


def _samples(samples: Sequence[SitePicture], noun: str) -> list[dict[str, Any]]:
    """Group the pictures of sites by plate."""
    tiles: dict[str, list[dict[str, Any]]] = {}
    for sample in samples:
        one = f"1 {noun.removesuffix('s')}" if sample.count == 1 else f"{sample.count:,} {noun}"
        tiles.setdefault(sample.plate, []).append(
            {
                "src": _source(sample.picture),
                "site": sample.site_id,
                "count": one,
                "is_part": sample.is_part,
                "note": sample.note,
                "is_odd": sample.is_odd,
            }
        )
    return [{"plate": plate, "tiles": sites} for plate, sites in tiles.items()]


def _source(rgb: RGB) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(composites.jpeg(rgb)).decode('ascii')}"


def _counts(
    counts: pd.DataFrame | None, plate_format: int, max_plates: int, has_plates: bool
) -> dict[str, Any] | None:
    if counts is None:
        return None
    values = counts.assign(value=counts["count"])
    wells = values.groupby(["plate", "row", "col"], as_index=False).agg(
        value=("value", "mean"), flagged=("flagged", "all")
    )
    by_plate = list(wells.groupby("plate")) if has_plates else []
    limits = (0.0, max(1.0, float(wells["value"].quantile(0.99))))
    maps = []
    for plate, table in by_plate[:max_plates]:
        median = float(table["value"].median())
        maps.append(
            {
                "name": plate,
                "svg": plate_map.plate_map(
                    table,
                    plate_format,
                    f"{plate}: objects per site",
                    limits=limits,
                    tick_format=",.0f",
                    alt=f"Objects per site in the wells of {plate}, median {median:.0f}",
                ),
            }
        )
    return {
        "total": int(counts["count"].sum()),
        "sites": len(counts),
        "empty": int((counts["count"] == 0).sum()),
        "flagged": int(counts["flagged"].sum()),
        "maps": maps,
        "not_drawn": len(by_plate) - len(maps),
    }
