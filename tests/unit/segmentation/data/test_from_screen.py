"""Sites of a screen with reference masks, as an annotated set."""

import pandas as pd
import pytest
from squares import (
    ingest_squares,
)

from moascope.core.errors import ImageError, InputError
from moascope.segmentation.data import from_screen


@pytest.fixture
def plate(tmp_path):
    return ingest_squares(tmp_path)


PLATES = ["P1", "P2", "P3", "P4"]


def masks():
    sites = [f"{plate}/A0{k}/1" for plate in PLATES for k in range(1, 5)]
    return pd.DataFrame(
        {
            "site_id": sites,
            "plate": [site[:2] for site in sites],
            "well": [site[3:6] for site in sites],
            "site": "1",
            "path": [site.replace("/", "_") for site in sites],
        }
    )


def places():
    return set(zip(masks()["plate"], masks()["site_id"], strict=True))


def test_sites_that_could_not_be_read_are_left_out_and_said(caplog):
    sets = {"train": ["P1"], "validation": ["P3"], "test": ["P4"]}
    readable = places() - {("P1", "P1/A02/1"), ("P2", "P2/A01/1")}
    rows = from_screen.choose(masks(), sets, None, readable)
    assert "P1/A02/1" not in set(rows["name"])
    assert len(rows) == 11
    assert "could not be read: P1/A02/1" in caplog.text


def test_annotated_sites_are_spread_over_their_plates():
    sets = {"train": ["P1", "P2"], "validation": ["P3"], "test": ["P4"]}
    rows = from_screen.choose(masks(), sets, 2, places())
    assert rows["set"].value_counts().to_dict() == {"train": 2, "validation": 2, "test": 2}
    assert rows["name"].tolist()[:2] == ["P1/A01/1", "P2/A04/1"]
    assert rows["image"][0] == ("P1", "P1/A01/1")


def test_sizes_as_read_are_told_by_plate_and_site():
    ingested = pd.DataFrame({"site_id": ["P1/A01/1", "P2/B02/s 1"], "height": [9, 8], "width": 7})
    expected = {("P1", "P1/A01/1"): (9, 7), ("P2", "P2/B02/s 1"): (8, 7)}
    assert from_screen.sizes_as_read(ingested) == expected


def test_a_plate_without_label_images_is_named():
    sets = {"train": ["P1"], "validation": ["P9"], "test": ["P4"]}
    with pytest.raises(InputError, match="validation_plates: no site of P9 has a label image"):
        from_screen.choose(masks(), sets, None, places())


def test_sites_are_read_from_the_store_of_their_plate(plate):
    with from_screen.StoreReader({"P1": plate[0]}, ["Actin"]) as reader:
        image = reader.read(("P1", "P1/A04/1"))
        assert image.shape == (1, 64, 64)
        assert image.max() == 3100
        with pytest.raises(ImageError, match="site P1/H12/1: is not in the store"):
            reader.read(("P1", "P1/H12/1"))
