"""Label images of plate stores."""

import numpy as np
import pytest

from moascope.core.errors import InputError
from moascope.images.ingest import ingest_plate
from moascope.images.label_store import join_labels, write_labels
from moascope.images.plate_store import PlateStore


@pytest.fixture
def labels(tmp_path, store):
    """Write label images of the store; return their file and pixels."""
    with PlateStore(store) as images:
        shape = (len(images), *images.shape[1:])
        pixels = np.random.default_rng(0).integers(0, 9, shape).astype(np.int32)
        write_labels(tmp_path / "labels.ozx", images, "Nuclei", pixels)
    return tmp_path / "labels.ozx", pixels


def test_label_images_are_read_as_they_were_written(labels):
    file, pixels = labels
    with PlateStore(file) as opened:
        assert opened.channels == ["Nuclei"]
        assert opened.dtype == np.uint32
        np.testing.assert_array_equal(opened.read(range(len(opened)))[:, 0], pixels)


def test_a_joined_store_holds_images_and_labels(tmp_path, store, labels):
    join_labels(store, labels[0], tmp_path / "both.ozx")
    with PlateStore(tmp_path / "both.ozx") as both, PlateStore(store) as images:
        np.testing.assert_array_equal(both.read([0, 1, 2]), images.read([0, 1, 2]))
        assert both.channels == images.channels


def test_one_label_image_per_site_is_needed(tmp_path, store):
    with PlateStore(store) as images, pytest.raises(ValueError, match="zip"):
        write_labels(tmp_path / "labels.ozx", images, "Nuclei", [np.zeros((24, 32), np.int32)])
    assert not (tmp_path / "labels.ozx").exists()


def test_labels_of_another_plate_are_refused(tmp_path, store, sites, labels):
    fewer = tmp_path / "fewer.ozx"
    ingest_plate(sites.iloc[:2], ["DNA", "actin", "tubulin"], fewer)
    with pytest.raises(InputError, match="its label images are not those of"):
        join_labels(fewer, labels[0], tmp_path / "both.ozx")
