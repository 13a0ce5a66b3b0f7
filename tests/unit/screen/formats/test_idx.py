"""Many images in one file: a row per image, parts of consecutive images, sets by file name."""

import numpy as np
import pytest
from idx_digits import write_set
from screens import options

from moascope.config.loading import load
from moascope.core.errors import InputError
from moascope.images.ingest import ingest_plate
from moascope.images.plate_store import PlateStore
from moascope.screen.formats import idx
from moascope.screen.plates import plate_names
from moascope.screen.site_table import read_sites


def screen(folder, **keys):
    return options(**{"format": "idx", "images": str(folder), "channels": {"grey": 0}, **keys})


def test_every_image_has_a_row_with_its_label_and_set(tmp_path):
    _, labels = write_set(tmp_path, "train", 5)
    write_set(tmp_path, "t10k", 2, compress=True)
    write_set(tmp_path, "validation", 1)
    sites = read_sites(screen(tmp_path)).set_index("site_id")
    assert sites["given_set"].value_counts().to_dict() == {"train": 5, "test": 2, "validation": 1}
    train = sites[sites["given_set"] == "train"]
    assert list(train.index) == [f"train-00000{i}" for i in range(5)]
    assert train["moa"].tolist() == list(map(str, labels))
    assert train["index:grey"].tolist() == [0, 1, 2, 3, 4]


def test_parts_are_as_many_as_the_workflow_plans(tmp_path, monkeypatch):
    monkeypatch.setattr(idx, "PART", 3)
    write_set(tmp_path, "train", 5)
    write_set(tmp_path, "t10k", 2)
    section = screen(tmp_path)
    sites = read_sites(section)
    assert plate_names(section.input) == sorted(sites["plate"].unique())
    assert sites["plate"].value_counts().to_dict() == {
        "part-1-of-3": 3,
        "part-2-of-3": 3,
        "part-3-of-3": 1,
    }


def test_stores_hold_the_images_of_the_files(tmp_path):
    images = {name: write_set(tmp_path, name, n)[0] for name, n in (("train", 5), ("t10k", 2))}
    sites = read_sites(screen(tmp_path))
    ingest_plate(sites, ["grey"], tmp_path / "p.ozx")
    with PlateStore(tmp_path / "p.ozx") as store:
        for name, row in zip(store.site_ids, store.read(range(7)), strict=True):
            of_set, number = name.rsplit("-", 1)
            np.testing.assert_array_equal(row[0], images[of_set][int(number)])


def test_a_file_of_many_images_is_decoded_once(tmp_path, monkeypatch):
    from moascope.images import ingest

    write_set(tmp_path, "train", 5)
    sites = read_sites(screen(tmp_path))
    read, paths = ingest.read_pixels, []
    monkeypatch.setattr(
        ingest, "read_pixels", lambda path, *a: paths.append(path) or read(path, *a)
    )
    ingest_plate(sites, ["grey"], tmp_path / "p.ozx")
    assert len(paths) == 1


def test_a_damaged_file_of_many_images_is_tried_once(tmp_path, monkeypatch):
    from moascope.images import ingest

    write_set(tmp_path, "train", 5)
    sites = read_sites(screen(tmp_path))
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    read, paths = ingest.read_pixels, []
    monkeypatch.setattr(
        ingest, "read_pixels", lambda path, *a: paths.append(path) or read(path, *a)
    )
    with pytest.raises(InputError, match="bytes of images"):
        ingest_plate(sites, ["grey"], tmp_path / "p.ozx")
    assert len(paths) == 1


def test_numbers_of_images_and_labels_must_agree(tmp_path):
    write_set(tmp_path, "train", 5)
    write_set(tmp_path / "other", "train", 4)
    labels = "train-labels-idx1-ubyte"
    (tmp_path / labels).write_bytes((tmp_path / "other" / labels).read_bytes())
    with pytest.raises(InputError, match="holds 5 images, and train-labels-idx1-ubyte 4 labels"):
        read_sites(screen(tmp_path))


def test_problems_of_all_files_are_listed_at_once(tmp_path):
    write_set(tmp_path, "train", 5)
    write_set(tmp_path, "t10k", 5)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(b"no")
    path = tmp_path / "t10k-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError) as error:
        read_sites(screen(tmp_path, channels={"a": 0, "b": 1}))
    for text in ("no IDX file", "bytes of labels", "have one channel"):
        assert text in str(error.value)


@pytest.mark.parametrize(
    ("key", "value"), [("columns", {"label": "x"}), ("groups", ["x"]), ("controls", ["DMSO"])]
)
def test_keys_of_sheets_and_plates_are_refused(key, value):
    section = {"format": "idx", "images": "i", "channels": {"grey": 0}, key: value}
    with pytest.raises(InputError, match=rf"input\.?.*{key}"):
        load({"run": "r", "input": section})
