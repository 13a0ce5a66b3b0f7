"""The report of a segmentation."""

import json

import numpy as np
import pandas as pd
import pytest
from squares import (
    ingest_squares,
    nothing_engine,
    pack,
    quality_of,
    said_of,
    segment_plate,
    segmented,
    truth_engine,
)

from moascope.core.options import restore
from moascope.profiling import cell_counts
from moascope.report import segmentation as report_segmentation
from moascope.report.segmentation import EngineFiles, SegmentationFiles
from moascope.segmentation.engines.registry import method_named
from moascope.segmentation.options import Segmentation


@pytest.fixture
def packed(tmp_path):
    return pack(tmp_path, [1, 2, 3, 4, 5])


@pytest.fixture
def plate(tmp_path):
    return ingest_squares(tmp_path)


def test_the_report_of_a_segmentation_has_its_tables_and_pictures(packed, tmp_path):
    table = pd.read_parquet(packed[1])
    table.assign(warnings=["", "odd", "", "", "odd too"]).to_parquet(packed[1])
    files = {}
    for name, engine in (("good", truth_engine), ("blind", nothing_engine)):
        folder = tmp_path / name
        folder.mkdir()
        summary, by_image = segmented(packed, engine, folder)
        (folder / "scores.json").write_text(json.dumps(summary))
        by_image.to_parquet(folder / "scores.parquet")
        files[name] = EngineFiles(
            scores=folder / "scores.json",
            by_image=folder / "scores.parquet",
            labels=folder / "labels.h5",
            history=None,
        )
    engines = {name: {"method": "classical"} for name in files}
    options = restore(Segmentation, {"engines": engines})
    paths = {
        "annotated": packed[0],
        "annotated_table": packed[1],
        "counts": None,
        "cell_doubts": None,
    }
    context = report_segmentation.load(SegmentationFiles(**paths, engines=files), options)
    section = report_segmentation.section(context, 96, 12)
    assert [row["ap"] for row in section["rows"]] == [1, 0]
    assert section["given"] == []
    assert (section["n_doubts"], section["doubts"]) == (2, ["odd", "odd too"])
    assert len(section["engines"][0]["pictures"]) == 3
    assert "good" in section["curves"]
    assert set(report_segmentation.standalone_figures(context)) == {
        *("segmentation.ap.svg", "segmentation.sizes.svg")
    }
    checks = said_of(context)
    assert checks["Engine “blind” found nothing"]["status"] == "warn"
    assert "Engine “good” found nothing" not in checks


def test_the_worst_images_are_shown_first(packed, tmp_path):
    def engine(image):
        labels = truth_engine(image)
        return labels if labels.max() == 4 else np.where(labels <= 5 - labels.max(), 0, labels)

    summary, by_image = segmented(packed, engine, tmp_path)
    (tmp_path / "scores.json").write_text(json.dumps(summary))
    by_image.to_parquet(tmp_path / "scores.parquet")
    files = {"labels": tmp_path / "labels.h5", "history": None}
    files |= {"scores": tmp_path / "scores.json", "by_image": tmp_path / "scores.parquet"}
    options = restore(Segmentation, {"engines": {"e": {"method": "unet"}}})
    paths = {
        "annotated": packed[0],
        "annotated_table": packed[1],
        "counts": None,
        "cell_doubts": None,
    }
    context = report_segmentation.load(
        SegmentationFiles(**paths, engines={"e": EngineFiles(**files)}), options
    )
    shown = context.engines["e"].pictures
    assert [picture.name for picture in shown] == ["i2", "i3", "i4"]
    assert [picture.ap_50 for picture in shown] == pytest.approx([1 / 3, 1, 1])


def counted(plate, tmp_path, engine, *, flagged=(), seen=truth_engine):
    """Segment a plate, and load what the report shows of it."""
    _, cells = segment_plate(plate, tmp_path, seen)
    counts = cell_counts.summarise([cells], plate[1], quality_of(plate, flagged))
    counts.to_parquet(tmp_path / "counts.parquet")
    engine = {"method": "unet", **engine}
    section = {"objects": "Nuclei", "engines": {"c": engine}, "measure_with": "c"}
    advice = method_named(engine["method"]).advice
    doubts = {"doubts": cell_counts.doubts(counts, "Nuclei", engine.get("diameter"), advice)}
    (tmp_path / "doubts.json").write_text(json.dumps(doubts))
    config = {"segmentation": section, "quality": {"exclude_flagged": True}}
    paths = {
        "annotated": None,
        "annotated_table": None,
        "counts": tmp_path / "counts.parquet",
        "cell_doubts": tmp_path / "doubts.json",
    }
    options = restore(Segmentation, section)
    context = report_segmentation.load(SegmentationFiles(**paths, engines={}), options)
    return context, said_of(context, config)


def test_counted_plates_get_maps_and_sites_without_objects_are_said(plate, tmp_path):
    context, said = counted(plate, tmp_path, {})
    found = report_segmentation.section(context, 96, 12)["counts"]
    assert (found["total"], found["sites"], found["empty"], found["flagged"]) == (6, 4, 1, 0)
    (one,) = found["maps"]
    assert one["name"] == "P1"
    assert "Objects per site in the wells of P1, median 2" in one["svg"]
    assert report_segmentation.section(context, 96, 0)["counts"]["not_drawn"] == 1
    assert list(said) == ["No nuclei in 1 site"]
    said = said["No nuclei in 1 site"]
    assert said["status"] == "warn"
    assert said["text"] == "c found none in P1/A01/1. 0 of 1 site is flagged by quality."


def test_flagged_sites_without_objects_are_expected_and_their_counts_are_not_used(plate, tmp_path):
    context, said = counted(plate, tmp_path, {}, flagged=["P1/A01/1"])
    assert said["No nuclei in 1 site"]["status"] == "note"
    assert "Counts of 1 flagged site are not used" in said
    assert context.counts["flagged"].tolist() == [True, False, False, False]
    assert report_segmentation.section(context, 96, 12)["counts"]["flagged"] == 1


def test_objects_of_an_unexpected_size_are_said_with_the_keys_to_change(plate, tmp_path):
    _, said = counted(plate, tmp_path, {"method": "classical", "diameter": 30.0})
    assert said["Implausible nuclei"]["status"] == "warn"
    assert "the nuclei is 9 px wide, but 30 px are expected" in said["Implausible nuclei"]["text"]
    assert "raise min_area, smoothing or min_distance" in said["Implausible nuclei"]["text"]
    _, said = counted(plate, tmp_path, {"method": "cellpose", "diameter": 4})
    assert "They may be clumps or background" in said["Implausible nuclei"]["text"]
    assert "Implausible nuclei" not in counted(plate, tmp_path, {"method": "unet"})[1]


def test_crumbs_around_large_objects_are_said(plate, tmp_path):
    def crumbs(image):
        labels = np.zeros(image.shape[1:], np.int32)
        labels[:30, :30] = 1
        labels[40:60:2, 40:60:2] = np.arange(2, 102).reshape(10, 10)
        return labels

    _, said = counted(plate, tmp_path, {"method": "unet"}, seen=crumbs)
    text = said["Implausible nuclei"]["text"]
    assert "Half of the nuclei have less than 1 px, but most of their area is in objects" in text
    assert "set min_area of the engine" in text


def test_images_without_plates_are_counted_and_get_no_maps(plate, tmp_path):
    context, _ = counted(plate, tmp_path, {})
    found = report_segmentation.section(context, 96, 12, has_plates=False)["counts"]
    assert (found["total"], found["maps"], found["not_drawn"]) == (6, [], 0)
