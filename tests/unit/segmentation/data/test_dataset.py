"""Annotated sets: read from sheets, packed with checks, read back."""

import json
from dataclasses import replace
from pathlib import Path

import h5py
import imagecodecs
import numpy as np
import pandas as pd
import pytest
import tifffile
from annotated_images import RNG, SIZES, labels_of, pack, png

from moascope.core.errors import InputError
from moascope.segmentation.data.annotated_set import AnnotatedSet
from moascope.segmentation.data.dataset import write
from moascope.segmentation.data.masks import Mask
from moascope.segmentation.data.sheet import SheetOptions, read_annotations


def test_masks_are_cut_as_their_images_were(folder):
    image = RNG.integers(0, 9, (1, 10, 16)).astype(np.uint16)
    rows = pd.DataFrame(
        {
            "name": ["a"],
            "set": ["train"],
            "group": ["a"],
            "image": [0],
            "mask": folder / "masks/a.png",
        }
    )
    table = pack(folder, rows, read_image=lambda _: image, as_read={0: (20, 30)}, size_rule="crop")
    assert table[["height", "width", "n_objects"]].iloc[0].tolist() == [10, 16, 1]
    with AnnotatedSet(folder / "set.h5", folder / "set.parquet") as annotated:
        found = annotated.labels(0)
    expected = np.zeros((10, 16), np.int32)
    expected[3:7, :2] = 1  # label 7 at rows 8-11 and columns 3-8 of 20 x 30; label 40 is cut off
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(InputError, match=r"the mask is 20 x 30 px, but 0 is 10 x 16 px"):
        pack(folder, rows, read_image=lambda _: image, as_read={0: (10, 16)})


# --- The sheet -----------------------------------------------------------------------------------


# --- Packing and reading -------------------------------------------------------------------------


def by_channel(folder):
    """Put a second channel beside the first, and name both."""
    for name, size in SIZES.items():
        png(folder / "actin" / f"{name}.png", RNG.integers(0, 255, size).astype(np.uint16))
    return {"Actin": "actin/{id}.png", "DNA": "images/{id}.png"}


def test_images_may_have_a_file_per_channel(folder, options):
    rows = read_annotations(folder / "sheet.csv", replace(options, image=by_channel(folder)))
    assert rows.columns.tolist() == ["name", "set", "group", "image", "mask"]
    assert rows["name"].tolist() == list("abcd")
    assert [Path(path).parent.name for path in rows["image"][3]] == ["actin", "images"]
    paths = folder / "set.h5", folder / "set.parquet"
    write(rows, ["Actin", "DNA"], *paths)
    with AnnotatedSet(*paths) as annotated:
        assert annotated.channels == ["Actin", "DNA"]
        whole, window = annotated.image(1), annotated.window(1, slice(5), slice(6))[0]
        with AnnotatedSet(*paths, ["DNA"]) as one:
            np.testing.assert_array_equal(one.image(1), whole[1:])
            np.testing.assert_array_equal(one.window(1, slice(5), slice(6))[0], window[..., 1:])
        for plane, file in zip(annotated.image(1), rows["image"][1], strict=True):
            np.testing.assert_array_equal(plane, imagecodecs.png_decode(Path(file).read_bytes()))


def test_a_missing_channel_is_named_by_its_key(folder, options):
    channels = by_channel(folder)
    (folder / "actin/c.png").unlink()
    with pytest.raises(InputError, match=r"line 4, channels.Actin: .*c.png does not exist"):
        read_annotations(folder / "sheet.csv", replace(options, image=channels))
    channels["DNA"] = "images/{ID}.png"
    with pytest.raises(InputError, match=r"channels\.DNA: the sheet has no column 'ID'"):
        read_annotations(folder / "sheet.csv", replace(options, image=channels))


def test_channels_that_do_not_fit_each_other_are_named(folder, options):
    channels = by_channel(folder)
    png(folder / "actin/a.png", np.zeros((9, 9), np.uint16))
    png(folder / "actin/b.png", RNG.integers(0, 9, (*SIZES["b"], 3)).astype(np.uint8))
    rows = read_annotations(folder / "sheet.csv", replace(options, image=channels))
    with pytest.raises(InputError) as caught:
        write(rows, ["Actin", "DNA"], folder / "set.h5", folder / "set.parquet")
    assert "a.png: is 20 x 30 px, but" in str(caught.value)
    assert "b.png: holds 3 channels, but segmentation.annotated.channels names it" in str(
        caught.value
    )


def test_axes_say_what_files_do_not(folder, options):
    rows = read_annotations(folder / "sheet.csv", options).iloc[:1]
    stack = RNG.integers(0, 9, (4, 20, 30)).astype(np.uint16)
    tifffile.imwrite(folder / "stack.tif", stack, photometric="minisblack", metadata=None)
    rows = rows.assign(image=str(folder / "stack.tif"))
    paths = folder / "set.h5", folder / "set.parquet"
    with pytest.raises(InputError, match="axes"):
        write(rows, list("ABCD"), *paths)
    write(rows, list("ABCD"), *paths, axes="CYX")
    with AnnotatedSet(*paths) as annotated:
        np.testing.assert_array_equal(annotated.image(0), stack)


def test_the_file_is_as_others_read_it(folder, options):
    pack(folder, read_annotations(folder / "sheet.csv", options))
    with h5py.File(folder / "set.h5") as file:
        assert json.loads(file.attrs["channels"]) == ["DNA"]
        assert file.attrs["dtype"] == "uint16"
        assert file["labels/000003"].dtype == np.int32
        assert file["labels/000003"].compression == "lzf"
        assert file["low"].shape == file["high"].shape == (4, 1)


def test_images_and_masks_may_come_from_elsewhere(tmp_path):
    stored = {"x": RNG.integers(0, 9, (2, 12, 13)).astype(np.uint8)}
    labels = np.zeros((12, 13), np.int32)
    labels[3:5, 4:9] = 1
    rows = pd.DataFrame(
        {
            "name": ["x"],
            "set": ["train"],
            "group": ["x"],
            "image": [("plate", "x")],
            "mask": [("plate", "x")],
        }
    )
    write(
        rows, ["DNA", "actin"], tmp_path / "s.h5", tmp_path / "s.parquet",
        read_image=lambda place: stored[place[1]], read_labels=lambda place: Mask(labels),
    )  # fmt: skip
    with AnnotatedSet(tmp_path / "s.h5", tmp_path / "s.parquet") as annotated:
        np.testing.assert_array_equal(annotated.image(0), stored["x"])
        np.testing.assert_array_equal(annotated.labels(0), labels)


def test_all_images_that_do_not_fit_are_named(folder, options):
    png(folder / "masks" / "a.png", np.zeros((20, 31), np.uint8))
    png(folder / "images" / "c.png", RNG.integers(0, 255, (16, 16, 3)).astype(np.uint8))
    (folder / "images" / "d.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    with pytest.raises(InputError, match="3 problems") as caught:
        pack(folder, read_annotations(folder / "sheet.csv", options))
    message = str(caught.value)
    assert "masks/a.png: the mask is 20 x 31 px, but" in message
    assert "images/a.png is 20 x 30 px" in message
    assert "images/c.png: holds 3 channels, but 1 are expected (DNA)" in message
    assert "images/d.png: damaged or truncated PNG" in message
    assert not (folder / "set.h5").exists()


def test_grey_images_saved_as_rgb_fit_one_channel(folder, options):
    grey = RNG.integers(0, 255, (16, 16, 1)).astype(np.uint8)
    png(folder / "images" / "c.png", np.repeat(grey, 3, axis=2))
    pack(folder, read_annotations(folder / "sheet.csv", options))
    with AnnotatedSet(folder / "set.h5", folder / "set.parquet") as annotated:
        np.testing.assert_array_equal(annotated.image(2)[0], grey[..., 0])


def test_an_image_without_objects_is_counted(folder, options):
    png(folder / "masks" / "b.png", np.zeros(SIZES["b"], np.uint8))
    table = pack(folder, read_annotations(folder / "sheet.csv", options))
    assert table["n_objects"].tolist() == [2, 0, 2, 2]


def test_a_training_set_without_any_object_is_refused(folder, options):
    for name in ("a", "b"):
        png(folder / "masks" / f"{name}.png", np.zeros(SIZES[name], np.uint8))
    with pytest.raises(InputError, match=r"none of the 2 training images has an object\. Check"):
        pack(folder, read_annotations(folder / "sheet.csv", options))
    assert not (folder / "set.h5").exists()


def test_warnings_of_masks_are_kept_and_labels_split_where_asked(folder, options):
    png(folder / "masks" / "a.png", (labels_of(SIZES["a"]) > 0).astype(np.uint8))
    png(folder / "masks" / "b.png", np.ones(SIZES["b"], np.uint8))
    rows = read_annotations(folder / "sheet.csv", options)
    table = pack(folder, rows)
    assert "1 label is in several unconnected parts" in table["warnings"][0]
    assert "one object covers the whole image" in table["warnings"][1]
    assert table["warnings"][2] == ""
    assert table["n_objects"].tolist()[:2] == [1, 1]
    assert pack(folder, rows, split_parts=True)["n_objects"].tolist()[:2] == [2, 1]


def test_the_nuclei_benchmark_is_packed(shared_data, tmp_path):
    root = shared_data / "dsb2018"
    options = SheetOptions(
        root, "images/{id}.png", "masks/{id}.png", split_file=root / "fluo_split.json"
    )
    rows = read_annotations(root / "index.csv", options)
    assert rows["set"].value_counts().to_dict() == {"train": 441, "validation": 50, "test": 50}
    some = rows.groupby("set", sort=False).head(4)
    table = pack(tmp_path, some)
    index = pd.read_csv(root / "index.csv", index_col="id")
    assert (index.loc[table["name"], "n_objects"].to_numpy() == table["n_objects"]).all()
