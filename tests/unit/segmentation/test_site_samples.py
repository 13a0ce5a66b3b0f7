"""Sites of a plate to look at: which are chosen, and what is kept of them."""

import h5py
import numpy as np
import pandas as pd
import pytest
import tifffile

from moascope.core.options import restore
from moascope.images.ingest import ingest_plate
from moascope.images.label_store import write_labels
from moascope.images.plate_store import PlateStore
from moascope.profiling import cell_counts
from moascope.report import segmentation
from moascope.segmentation import site_samples
from moascope.segmentation.options import Segmentation


def table(counts, areas=None, flagged=()):
    """Make the counts and the quality of a plate P1, a well per site."""
    wells = [f"A{k + 1:02d}" for k in range(len(counts))]
    sites = pd.DataFrame(
        {
            "site_id": [f"P1/{well}/1" for well in wells],
            "plate": "P1",
            "well": wells,
            "row": 0,
            "col": range(len(counts)),
            "site": "1",
            "count": counts,
            "Nuclei_AreaShape_Area": np.full(len(counts), 300.0) if areas is None else areas,
        }
    )
    is_flagged = sites["well"].isin(list(flagged))
    sites.insert(7, "flagged", is_flagged)
    reasons = np.where(is_flagged, "out-of-focus", "")
    quality = pd.DataFrame({"site_id": sites["site_id"], "flagged": is_flagged, "reasons": reasons})
    return sites, quality


def notes(*arguments, **more):
    chosen = site_samples.choose(*table(*arguments, **more), "Nuclei")
    return dict(zip(chosen["well"], chosen["note"], strict=True))


def test_flagged_sites_and_outliers_come_first():
    counts = [70, 72, 68, 75, 400, 71, 69, 73, 66, 74, 3, 70]
    areas = np.array([300.0] * 12)
    areas[7] = 3000
    found = notes(counts, areas, flagged=["A02"])
    assert list(found.items())[:4] == [
        ("A02", "flagged: out-of-focus"),
        ("A05", "unusually many nuclei"),
        ("A08", "unusually large nuclei"),
        ("A11", "unusually few nuclei"),
    ]
    assert list(found.values())[4:] == ["for comparison"] * 2


def test_a_usual_plate_shows_sites_from_the_fewest_to_the_most_objects():
    found = notes([70, 60, 80, 75, 65, 71, 69, 73, 66, 74])
    assert set(found.values()) == {"for comparison"}
    first, *_, last = found
    assert (first, last) == ("A02", "A03")
    assert len(found) == 6


def test_flagged_sites_with_most_objects_come_first_and_leave_room_for_others():
    found = notes([70, 68, 90, 80, 100, 71, 69, 72], flagged=["A01", "A02", "A03", "A04", "A05"])
    flagged = [well for well, note in found.items() if note.startswith("flagged")]
    assert flagged == ["A05", "A03", "A04", "A01"]
    assert len(found) == 6


def test_a_plate_without_any_object_and_one_with_few_sites_are_shown():
    assert list(notes([0, 0, 0], np.full(3, np.nan))) == ["A01", "A02", "A03"]
    assert notes([7]) == {"A01": "for comparison"}


@pytest.fixture
def plate(tmp_path):
    """Sites with 0 to 3 bright squares, the last one with flags."""
    rows, labels = [], []
    for k in range(4):
        image = np.random.default_rng(k).normal(100, 5, (64, 800))
        labels.append(np.zeros(image.shape, np.int32))
        for n in range(k):
            square = slice(8, 24), slice(600 + 24 * n, 616 + 24 * n)
            image[square], labels[k][square] = 1000, n + 1
        path = tmp_path / f"{k}.tif"
        tifffile.imwrite(path, image.astype(np.uint16))
        row = {"site_id": f"P1/A0{k + 1}/1", "plate": "P1", "well": f"A0{k + 1}"}
        rows.append(row | {"path:DNA": str(path), "index:DNA": -1})
    ingest_plate(pd.DataFrame(rows), ["DNA"], tmp_path / "P1.ozx")
    with PlateStore(tmp_path / "P1.ozx") as store:
        write_labels(tmp_path / "labels.ozx", store, "Nuclei", iter(labels))
    counts, quality = table(range(4), np.array([np.nan, 256, 256, 256]), flagged=["A04"])
    return tmp_path, counts, quality.replace({"reasons": {"out-of-focus": "saturated;bright"}})


def write(plate):
    folder, counts, quality = plate
    out = folder / "samples.h5", folder / "samples.parquet"
    stores = {"P1": (folder / "P1.ozx", folder / "labels.ozx")}
    site_samples.write(counts, quality, stores, "DNA", "Nuclei", *out)
    return out


def test_what_is_kept_is_the_part_with_the_objects_on_one_scale(plate):
    pictures, rows = write(plate)
    found = pd.read_parquet(rows)
    assert found["site_id"].tolist()[0] == "P1/A04/1"
    assert found["note"].tolist() == ["flagged: saturated, bright", *["for comparison"] * 3]
    assert found["is_part"].tolist() == [True, False, True, True]  # one site has no objects
    assert found[["low", "high"]].drop_duplicates().shape == (1, 2)
    with h5py.File(pictures) as file:
        assert len(file["images"]) == len(file["labels"]) == 4
        image, labels = file["images/000000"][:], file["labels/000000"][:]
    assert image.shape == labels.shape == (32, 320)  # squares of 16 px may be shrunk by 2
    assert len(np.unique(labels)) == 4
    assert (image[labels > 0] > 900).all()


def test_the_report_shows_sites_by_plate_with_id_count_and_reason(plate):
    folder, counts, _ = plate
    pictures, rows = write(plate)
    counts.to_parquet(folder / "counts.parquet")
    paths = segmentation.SegmentationFiles(
        engines={},
        counts=folder / "counts.parquet",
        samples=pictures,
        sample_table=rows,
    )
    options = restore(Segmentation, {"engines": {"c": {"method": "unet"}}})
    context = segmentation.load(paths, options)
    (shown,) = segmentation.section(context, 96, 12)["samples"]
    assert shown["plate"] == "P1"
    first, second = shown["tiles"][:2]
    assert (first["site"], first["count"], first["note"]) == (
        *("P1/A04/1", "3 nuclei", "flagged: saturated, bright"),
    )
    assert first["is_odd"]
    assert not second["is_odd"]
    assert first["src"].startswith("data:image/jpeg;base64,")
    colours = context.samples[0].picture.reshape(-1, 3)
    assert (colours == (242, 225, 76)).all(axis=1).any()  # an outline
    # The empty site is as dark as the background of the others, not stretched to its own noise.
    empty = next(row.picture for row in context.samples if row.site_id == "P1/A01/1")
    assert empty.mean() < 60


def test_the_summary_counts_the_objects_of_a_screen(plate):
    _, counts, _ = plate
    found = cell_counts.count_plates(counts)
    expected = {
        "objects": 6,
        "sites": 4,
        "median_per_site": 1.5,
        "sites_without_objects": 1,
        "flagged_sites": 1,
    }
    assert found == {**expected, "plates": {"P1": expected}}
