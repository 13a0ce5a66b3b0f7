"""Sizes of images: read from headers, checked for the whole screen, and made one size."""

import imagecodecs
import numpy as np
import pandas as pd
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from skimage.transform import resize as skimage_resize

from moascope.core.errors import ImageError, InputError
from moascope.images import sizes as image_sizes
from moascope.images.readers import read_pixels, read_size
from moascope.images.sizes import check, describe, fit, fit_labels, read_sizes, target_size

RNG = np.random.default_rng(5)


def table(*sizes, plates=None):
    """One site per (height, width)."""
    return pd.DataFrame(
        {
            "plate": plates or ["P"] * len(sizes),
            "site_id": [f"P/A{number:02d}/1" for number in range(len(sizes))],
            "height": [size[0] for size in sizes],
            "width": [size[1] for size in sizes],
            "is_mixed": False,
        }
    )


KINDS = {
    "plain.tif": {"metadata": None},
    "described.tif": {"metadata": {"axes": "CYX"}},
    "turned.tif": {"metadata": {"axes": "YCX"}},
    "ome.ome.tif": {"ome": True, "metadata": {"axes": "CYX"}},
    "imagej.tif": {"imagej": True, "metadata": {"axes": "CYX"}},
}


@pytest.mark.parametrize("name", KINDS)
def test_the_size_in_the_header_is_that_of_the_pixels(tmp_path, name):
    planes = RNG.integers(0, 9, (2, 20, 31)).astype(np.uint16)
    stored = planes.transpose(1, 0, 2) if name == "turned.tif" else planes
    photometric = {} if name == "imagej.tif" else {"photometric": "minisblack"}
    tifffile.imwrite(tmp_path / name, stored, **photometric, **KINDS[name])
    assert read_size(tmp_path / name) == (20, 31) == read_pixels(tmp_path / name, "CYX").shape[1:]


@pytest.mark.parametrize("colours", [(), (3,)])
def test_png_and_jpeg_have_headers_too(tmp_path, colours):
    image = RNG.integers(0, 255, (20, 31, *colours)).astype(np.uint8)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(image))
    (tmp_path / "a.jpg").write_bytes(imagecodecs.jpeg_encode(image))
    assert read_size(tmp_path / "a.png") == read_size(tmp_path / "a.jpg") == (20, 31)


def test_user_given_axes_say_which_side_is_which(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((2, 20, 31), np.uint8), metadata=None,
                     photometric="minisblack")  # fmt: skip
    assert read_size(tmp_path / "a.tif", "CXY") == (31, 20)


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.jpg"])
def test_a_header_that_is_cut_off_is_an_image_error(tmp_path, name):
    heads = {"a.tif": b"II*\0\x08\0\0\0", "a.png": b"\x89PNG\r\n\x1a\n", "a.jpg": b"\xff\xd8\xff"}
    (tmp_path / name).write_bytes(heads[name])
    with pytest.raises(ImageError, match=name):
        read_size(tmp_path / name)


def test_headers_of_all_files_are_read(tmp_path):
    rows = []
    for number, shapes in enumerate([((8, 9), (8, 9)), ((8, 9), (7, 9)), ((6, 6), (6, 6))]):
        row = {"plate": "P", "site_id": f"P/A{number}/1"}
        for channel, shape in zip("ab", shapes, strict=True):
            row[f"path:{channel}"] = str(tmp_path / f"{number}{channel}.tif")
            tifffile.imwrite(row[f"path:{channel}"], np.zeros(shape, np.uint8))
        rows.append(row)
    (tmp_path / "2b.tif").write_bytes(b"II*\0")
    sizes = read_sizes(pd.DataFrame(rows), ["a", "b"], workers=3)
    assert sizes[["height", "width"]].to_numpy().tolist() == [[8, 9], [8, 9], [0, 0]]
    assert sizes["is_mixed"].tolist() == [False, True, False]


def test_the_target_is_one_for_the_screen():
    sizes = table((131, 300), (367, 200), (200, 210), (0, 0), plates=["P", "P", "Q", "Q"])
    assert target_size(sizes, "crop") == (131, 200)
    assert target_size(sizes, "pad") == (367, 300)
    assert target_size(sizes, "resize") == (200, 210)
    assert target_size(sizes, "error") is None
    with pytest.raises(InputError, match=r"on_size_mismatch: 'stretch' is not known. Use one"):
        target_size(sizes, "stretch")


def test_the_most_frequent_size_is_the_median_where_most_images_have_it():
    assert target_size(table(*[(100, 100)] * 5, (90, 300), (500, 50)), "resize") == (100, 100)


def test_sizes_are_said_before_and_after():
    sizes = table((131, 300), (367, 200), (131, 300), (0, 0))
    found = describe(sizes, "crop", target_size(sizes, "crop"))
    assert found["text"] == (
        "Images have 2 sizes, from 131 x 200 px to 367 x 300 px (height x width); all are cut "
        "around their centre to 131 x 200 px."
    )
    assert found["frequent"][0] == {"height": 131, "width": 300, "sites": 2}
    assert (found["smallest"], found["largest"], found["unread_sites"]) == (
        [131, 200],
        [367, 300],
        1,
    )
    (warning,) = image_sizes.warnings(found)
    assert (warning["id"], warning["about"]) == ("image-sizes", "input.on_size_mismatch")
    assert "What lies outside is lost; on_size_mismatch: resize or pad keeps it" in warning["text"]


@pytest.mark.parametrize("rule", ["error", "resize"])
def test_nothing_is_warned_of_where_all_images_have_one_size(rule):
    sizes = table((100, 120), (100, 120))
    found = describe(sizes, rule, target_size(sizes, rule))
    assert found["text"] == "All images are 100 x 120 px (height x width)."
    assert image_sizes.warnings(found) == []


def test_different_sizes_on_a_plate_are_refused_with_counts_and_fixes():
    sizes = table((100, 120), (100, 120), (90, 120), (50, 50), plates=["P", "P", "P", "Q"])
    with pytest.raises(InputError) as caught:
        check(sizes, "error")
    message = str(caught.value)
    assert "on 1 of 2 plates, such as P, images differ in size: 2 of 100 x 120 px" in message
    for fix in ("resize (to the median", "pad (to the largest", "crop (to the smallest"):
        assert fix in message
    for rule in ("crop", "resize", "pad"):
        check(sizes, rule)


def test_images_without_plates_are_counted_as_images():
    sizes = table((100, 120), (100, 120), (90, 120), plates=["part-1-of-1"] * 3)
    with pytest.raises(InputError) as caught:
        check(sizes, "error", has_plates=False)
    message = str(caught.value)
    assert "images differ in size: 2 of 100 x 120 px, 1 of 90 x 120 px" in message
    assert "plate" not in message
    assert "part-1" not in message
    sizes["plate"] = ["part-1-of-2", "part-1-of-2", "part-2-of-2"]
    with pytest.raises(InputError, match=r"images differ in size: .* cannot be put together"):
        check(sizes, "error", lambda size: size, has_plates=False)


def test_what_resizing_loses_is_said():
    with pytest.raises(InputError, match="the common magnification is lost") as caught:
        check(table((100, 120), (90, 120)), "error")
    assert "nothing is lost" not in str(caught.value)


def test_many_sizes_are_summed_up():
    sizes = table(*[(100 + n, 200 - n) for n in range(20)])
    with pytest.raises(InputError, match="20 sizes from 100 x 181 px to 119 x 200 px, most often"):
        check(sizes, "error")


def test_plates_may_differ_where_their_units_do_not():
    sizes = table((100, 120), (200, 240), plates=["P", "Q"])
    check(sizes, "error")  # units of another size than images, or none
    check(sizes, "error", lambda size: (size[0] * 60 // size[1], 60))
    with pytest.raises(InputError, match=r"plates differ in the size .*: 1 of 100 x 120 px, 1 of"):
        check(sizes, "error", lambda size: size)


def test_channels_of_different_size_are_named_before_reading():
    sizes = table((100, 120), (100, 120)).assign(is_mixed=[False, True])
    with pytest.raises(
        InputError, match="the channels of 1 sites, such as P/A01/1, differ in size"
    ):
        check(sizes, "pad")
    check(sizes, "pad", on_bad_image="quarantine")


def test_padding_adds_the_background_around_the_image():
    image = np.full((2, 10, 12), 7, np.uint16)
    image[1] = 50
    image[:, 3:7, 3:7] = 900
    padded = fit(image, "pad", (15, 12))
    assert padded.shape == (2, 15, 12)
    np.testing.assert_array_equal(padded[:, 2:12], image)
    assert (padded[0, :2] == 7).all()
    assert (padded[1, 12:] == 50).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_resizing_keeps_the_aspect_and_smooths(dtype):
    image = (RNG.random((1, 40, 80)) * 200).astype(dtype)
    result = fit(image, "resize", (30, 40))
    assert result.dtype == dtype
    inner = result[0, 5:25]  # 20 x 40, with 5 rows of background on both sides
    assert (result[0, :5] == result[0, 0, 0]).all()
    expected = skimage_resize(image[0].astype(float), (20, 40), order=1, anti_aliasing=True)
    assert abs(inner.astype(float) - expected).mean() < 10  # their kernels differ
    assert inner.std() < 0.7 * image.std()
    assert abs(inner.mean() - image.mean()) < 3


def test_resizing_a_constant_image_changes_nothing():
    image = np.full((3, 33, 57), 1234, np.uint16)
    assert (fit(image, "resize", (50, 50)) == 1234).all()


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 30), st.integers(1, 30),
       st.sampled_from(["resize", "pad", "crop"]))  # fmt: skip
def test_every_image_gets_the_size(height, width, to_height, to_width, rule):
    if rule == "pad":
        to_height, to_width = max(height, to_height), max(width, to_width)
    if rule == "crop":
        to_height, to_width = min(height, to_height), min(width, to_width)
    image = np.arange(height * width, dtype=np.uint16).reshape(1, height, width)
    result = fit(image, rule, (to_height, to_width))
    assert result.shape == (1, to_height, to_width)
    assert result.min() >= image.min()
    assert result.max() <= image.max()
    labels = (image[0] % 5).astype(np.int32)
    fitted = fit_labels(labels, rule, (to_height, to_width))
    assert fitted.shape == (to_height, to_width)
    assert set(np.unique(fitted)) <= {0, *np.unique(labels)}


@pytest.mark.parametrize(
    ("rule", "size"), [("pad", (40, 50)), ("resize", (40, 60)), ("resize", (12, 12))]
)
def test_labels_stay_on_their_objects(rule, size):
    labels = np.zeros((20, 30), np.int32)
    labels[4:10, 5:12], labels[12:18, 20:28] = 1, 2
    image = (labels[np.newaxis] * 100).astype(np.uint8)
    seen = np.rint(fit(image, rule, size)[0] / 100).astype(int)
    fitted = fit_labels(labels, rule, size)
    assert (seen == fitted).mean() > 0.9
    assert set(np.unique(fitted)) == {0, 1, 2}


@pytest.mark.parametrize(("rule", "size"), [("crop", (30, 10)), ("pad", (10, 30))])
def test_an_image_that_changed_after_its_header_was_read_is_refused(rule, size):
    with pytest.raises(ImageError, match=r"was changed after its header was read. Run again with"):
        fit(np.zeros((1, 20, 20), np.uint8), rule, size)


def test_images_are_not_changed_by_the_rule_error():
    with pytest.raises(ValueError, match="rule 'error'"):
        fit(np.zeros((1, 20, 20), np.uint8), "error", (10, 10))
