"""Masks in: every form they are saved in, and every way they can be wrong."""

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from moascope.core.errors import ImageError
from moascope.images.sizes import fit_labels
from moascope.segmentation.data.masks import (
    check_size,
    checked,
    consecutive,
    read_labels,
    read_mask,
)

LABELS = np.zeros((20, 30), np.int32)
LABELS[2:8, 3:9], LABELS[2:8, 9:15], LABELS[12:18, 20:28] = 1, 2, 3
# As programs write them: not consecutive.
VALUES = np.array([0, 7, 3, 200])[LABELS]
NUMBERED = np.array([0, 2, 1, 3])[LABELS]


def png(path: Path, array: np.ndarray) -> Path:
    path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(array)))
    return path


def tiff(path: Path, array: np.ndarray, **options) -> Path:
    tifffile.imwrite(path, array, photometric=options.pop("photometric", "minisblack"), **options)
    return path


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", ">u2", "i4", "u4", "f4", "f8"])
def test_tiff_labels_of_any_width(tmp_path, dtype):
    path = tiff(tmp_path / "mask.tif", VALUES.astype(dtype), compression="zlib")
    found = read_labels(path)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, NUMBERED)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png_labels(tmp_path, dtype):
    np.testing.assert_array_equal(
        read_labels(png(tmp_path / "a.png", VALUES.astype(dtype))), NUMBERED
    )


def test_large_label_values_of_32_bit(tmp_path):
    path = tiff(tmp_path / "a.tif", np.array([[0, 2**32 - 1, 70_000]], np.uint32))
    np.testing.assert_array_equal(read_labels(path), [[0, 2, 1]])


def test_grey_labels_saved_as_colours_are_read(tmp_path):
    grey = VALUES.astype(np.uint8)
    rgb = np.stack([grey] * 3, axis=-1)
    rgba = np.concatenate([rgb, np.full((20, 30, 1), 255, np.uint8)], axis=-1)
    for name, array in (("rgb", rgb), ("rgba", rgba)):
        np.testing.assert_array_equal(read_labels(png(tmp_path / f"{name}.png", array)), NUMBERED)


def test_a_mask_of_two_values_is_a_mask(tmp_path):
    path = tiff(tmp_path / "a.tif", LABELS > 0)
    np.testing.assert_array_equal(read_labels(path), LABELS > 0)


def test_an_empty_mask_is_fine(tmp_path):
    found = read_mask(png(tmp_path / "a.png", np.zeros((5, 6), np.uint8)))
    assert found.labels.max() == 0
    assert found.warnings == ()


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (
            np.array([[0, -1, 4]], np.int16),
            r"negative labels \(such as -1\).*Set segmentation.ignore_label",
        ),
        (np.array([[0, 0.5]], np.float32), r"fractions \(such as 0.5\).*not probabilities"),
        (np.array([[0, np.nan]], np.float32), r"fractions \(such as nan\)"),
        (np.zeros((3, 4, 5), np.uint8), r"array of shape \(3, 4, 5\); a mask is one image"),
    ],
)
def test_pixels_that_are_no_labels_are_refused(tmp_path, array, message):
    with pytest.raises(ImageError, match=rf"a\.tif: .*{message}"):
        read_labels(tiff(tmp_path / "a.tif", array))


def test_coloured_labels_are_refused(tmp_path):
    colours = np.random.default_rng(0).integers(0, 255, (5, 6, 3)).astype(np.uint8)
    with pytest.raises(ImageError, match="as greyscale numbers, not as colours"):
        read_labels(png(tmp_path / "a.png", colours))


def test_jpeg_labels_are_refused(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(imagecodecs.jpeg_encode(VALUES.astype(np.uint8)))
    with pytest.raises(ImageError, match=r"JPEG compression changes labels.*as PNG or TIFF"):
        read_labels(path)


def test_a_missing_mask_is_named(tmp_path):
    with pytest.raises(ImageError, match=r"gone\.png: no such file"):
        read_mask(tmp_path / "gone.png")


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_a_truncated_mask_is_refused(tmp_path, suffix):
    whole = (png if suffix == ".png" else tiff)(tmp_path / f"a{suffix}", VALUES.astype(np.uint16))
    whole.write_bytes(whole.read_bytes()[:-30])
    with pytest.raises(ImageError, match=r"truncated.*Export the mask again"):
        read_labels(whole)


def test_one_binary_mask_per_object(tmp_path):
    for value in (1, 2, 3):
        png(tmp_path / f"{value}.png", np.where(value == LABELS, 255, 0).astype(np.uint8))
    (tmp_path / "notes.txt").write_text("not a mask")
    found = read_mask(tmp_path)
    np.testing.assert_array_equal(found.labels, LABELS)
    assert found.warnings == ()


def test_masks_that_overlap_keep_the_first_and_say_so(tmp_path):
    first, second = np.zeros((2, 4, 6), np.uint8)
    first[:, :4], second[:, 2:] = 255, 255
    png(tmp_path / "a.png", first), png(tmp_path / "b.png", second)
    png(tmp_path / "c.png", np.zeros((4, 6), np.uint8))
    found = read_mask(tmp_path)
    np.testing.assert_array_equal(found.labels, [[1, 1, 1, 1, 2, 2]] * 4)
    overlap, empty = found.warnings
    assert "8 px belong to several objects; each stays with the first" in overlap
    assert "1 masks are empty (such as c.png)" in empty


def test_masks_of_different_size_in_a_folder_are_refused(tmp_path):
    png(tmp_path / "a.png", np.zeros((4, 6), np.uint8))
    png(tmp_path / "b.png", np.zeros((4, 7), np.uint8))
    with pytest.raises(ImageError, match=r"b\.png: the mask is 4 x 7 px, but .*a\.png is 4 x 6"):
        read_mask(tmp_path)


def test_a_folder_without_masks_is_refused(tmp_path):
    with pytest.raises(ImageError, match=r"holds no TIFF or PNG file.*put one all-black mask"):
        read_mask(tmp_path)


def test_a_mask_of_another_size_than_its_image_names_both():
    with pytest.raises(ImageError, match=r"m\.png: the mask is 4 x 7 px, but i\.png is 4 x 6 px"):
        check_size((4, 7), "m.png", (4, 6), "i.png")


def test_one_object_that_covers_the_image_is_warned_of(tmp_path):
    found = read_mask(png(tmp_path / "a.png", np.full((5, 6), 255, np.uint8)))
    assert (found.labels == 1).all()
    assert "a.png: one object covers the whole image. Check that" in found.warnings[0]


def test_several_objects_may_cover_the_image():
    assert checked(np.array([[1, 1, 2]], np.int32), "a")[1] == []


def test_a_label_in_parts_is_warned_of_and_split_where_asked():
    labels = np.array([[1, 1, 0, 1, 0, 2], [0, 0, 0, 0, 2, 0]], np.int32)
    kept, warnings = checked(labels, "a.png")
    np.testing.assert_array_equal(kept, labels)
    assert len(warnings) == 1
    assert "a.png: 1 label is in several unconnected parts (such as object 1)" in warnings[0]
    split, warnings = checked(labels, "a.png", split_parts=True)
    np.testing.assert_array_equal(split, [[1, 1, 0, 2, 0, 3], [0, 0, 0, 0, 3, 0]])
    assert "They were split." in warnings[0]


def test_objects_that_touch_by_a_corner_and_share_a_label_are_warned_of_and_split_where_asked():
    """As a labelling of 8-connected pixels merges them."""
    truth = np.zeros((12, 14), np.int32)
    truth[1:6, 1:5], truth[6:9, 5:9], truth[2:6, 10:13] = 1, 2, 3
    truth[0, 0] = 1  # a pixel at a corner is no object
    merged = np.where(truth == 2, 1, truth).astype(np.int32)
    kept, warnings = checked(merged, "a.png")
    np.testing.assert_array_equal(kept, merged)
    assert warnings == [
        "a.png: 1 label is in parts that only touch by a corner (such as object 1), so that "
        "several objects may share a label. Correct the mask, or set "
        "segmentation.split_disconnected."
    ]
    split, warnings = checked(merged, "a.png", split_parts=True)
    np.testing.assert_array_equal(split > 0, truth > 0)
    pairs = np.unique(np.stack([split[truth > 0], truth[truth > 0]]), axis=1)
    assert pairs.shape == (2, 3)
    assert "They were split." in warnings[0]
    assert checked(truth, "a.png")[1] == []


@given(hnp.arrays(np.int64, (6, 7), elements=st.sampled_from([0, 1, 5, 9, 2**31, 2**40])))
def test_numbering_keeps_objects_apart(labels):
    found = consecutive(labels)
    objects = np.unique(labels[labels > 0])
    assert set(np.unique(found)) - {0} == set(range(1, len(objects) + 1))
    np.testing.assert_array_equal(np.concatenate([[0], objects])[found], labels)


def test_real_masks(shared_data):
    """32 bit PNG labels of nuclei, and 16 bit TIFF masks of the Cell Tracking Challenge."""
    nuclei = next((shared_data / "dsb2018" / "masks").glob("*.png"))
    cells = next((shared_data / "dic-hela" / "masks_silver").glob("*.tif"))
    for path in (nuclei, cells):
        assert read_mask(path).labels.max() > 1


# --- Ignored pixels -------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "dtype"), [(255, "uint8"), (-1, "int32"), (7, "float32")])
def test_ignored_pixels_are_neither_objects_nor_background(tmp_path, value, dtype):
    labels = np.zeros((12, 12), dtype)
    labels[1:4, 1:4], labels[6:9, 1:4], labels[:, 8:] = 3, 9, value
    tifffile.imwrite(tmp_path / "mask.tif", labels)
    found = read_mask(tmp_path / "mask.tif", ignored=value).labels
    expected = np.zeros((12, 12), np.int32)
    expected[1:4, 1:4], expected[6:9, 1:4], expected[:, 8:] = 1, 2, -1
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.int32


def test_ignored_pixels_stay_so_where_a_mask_is_cut_or_split():
    labels = np.zeros((8, 8), np.int32)
    labels[:, 6:], labels[3:5, 3:5], labels[0, 0] = -1, 2, 1
    found = fit_labels(labels, "crop", (4, 6))
    assert np.unique(found).tolist() == [-1, 0, 2]
    assert (found == -1).sum() == 4


def test_negative_labels_that_are_not_declared_are_refused_with_the_key(tmp_path):
    tifffile.imwrite(tmp_path / "mask.tif", np.full((4, 4), -2, np.int16))
    with pytest.raises(ImageError, match=r"Set segmentation\.ignore_label to the value of pixels"):
        read_mask(tmp_path / "mask.tif", ignored=-1)
