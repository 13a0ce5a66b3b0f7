"""Masks of 0 and 255 are no label images, and are refused before anything learns from them."""

import numpy as np
import pandas as pd
import pytest
import tifffile

from moascope.core.errors import InputError
from moascope.segmentation.data import dataset
from moascope.segmentation.data.binary_masks import Values, check_sample, problem_of
from moascope.segmentation.data.masks import read_mask


def discs(count, value):
    mask = np.zeros((64, 64), np.uint8)
    for number in range(count):
        y, x = 12 + 20 * (number // 3), 12 + 20 * (number % 3)
        mask[y - 5 : y + 5, x - 5 : x + 5] = value or number + 1
    return mask


@pytest.fixture
def annotated_set(tmp_path):
    """Write an annotated set with the given masks."""

    def write(masks, **options):
        rows = []
        for number, mask in enumerate(masks):
            image, label = tmp_path / f"i{number}.tif", tmp_path / f"m{number}.tif"
            tifffile.imwrite(image, (mask > 0).astype(np.uint16) * 500)
            tifffile.imwrite(label, mask)
            rows.append((f"i{number}", "train", f"i{number}", str(image), str(label)))
        table = pd.DataFrame(rows, columns=["name", "set", "group", "image", "mask"])
        return dataset.write(
            table, ["DNA"], tmp_path / "set.h5", tmp_path / "set.parquet", **options
        )

    return write


@pytest.mark.parametrize("value", [1, 255, 200])
def test_binary_masks_are_refused_with_the_fixes(annotated_set, value):
    masks = [discs(count, value) for count in (5, 4, 1, 0, 6)]
    with pytest.raises(InputError) as caught:
        annotated_set(masks)
    assert f"4 of 4 masks have no value but 0 and {value}" in str(caught.value)
    assert "in 3 of them" in str(caught.value)
    assert "(up to 6)" in str(caught.value)
    assert "segmentation.binary_masks: components" in str(caught.value)
    assert "folders with one mask per object" in str(caught.value)


def test_refused_masks_have_one_message_that_names_the_sheet(annotated_set, caplog):
    with pytest.raises(InputError) as caught:
        annotated_set([discs(count, 255) for count in (5, 4)], source="masks.csv")
    assert str(caught.value).startswith("masks.csv: images or masks cannot be used: 1 problem")
    assert "2 of 2 masks have no value but 0 and 255, though 255 has several" in str(caught.value)
    assert "split_disconnected" not in caplog.text


def test_masks_of_one_value_that_are_taken_as_labels_bring_a_warning(annotated_set, caplog):
    annotated_set([discs(4, 255), discs(2, 255)], binary_masks="labels")
    assert "none of 2 masks has more than one value, so every image has one" in caplog.text
    assert "several unconnected parts" in caplog.text
    caplog.clear()
    annotated_set([discs(4, 0), discs(2, 255)], binary_masks="labels")
    assert "every image has one object" not in caplog.text


def test_connected_parts_become_objects_where_wanted(annotated_set):
    masks = [discs(count, 255) for count in (5, 4, 1, 0)]
    table = annotated_set(masks, binary_masks="components")
    assert list(table["n_objects"]) == [5, 4, 1, 0]


def test_masks_with_one_object_per_image_can_be_taken_as_they_are(annotated_set):
    masks = [discs(count, 1) for count in (2, 2)]
    assert list(annotated_set(masks, binary_masks="labels")["n_objects"]) == [1, 1]


def test_label_images_are_untouched_by_components(annotated_set):
    two_parts = discs(3, 0)
    two_parts[50:60, 50:60] = 1
    assert list(annotated_set([two_parts], binary_masks="components")["n_objects"]) == [3]


@pytest.mark.parametrize(
    "masks",
    [
        [Values(1, 1)] * 8,  # one object per image
        [Values(1, 1), Values(1, 2), Values(1, 1)],  # once in two parts
        [Values(0, 0)] * 5 + [Values(1, 2)],  # label images
        [Values(1, 2), Values(2, 2), Values(3, 2)],  # different numbers
        [None, None],
        [],
    ],
)
def test_sets_that_are_not_binary_pass(masks):
    assert problem_of(masks) is None


def test_one_mask_of_255_in_parts_suffices():
    assert problem_of([Values(255, 1)] * 5 + [Values(255, 3)]) is not None


def test_specks_are_no_parts(tmp_path):
    mask = discs(1, 255)
    mask[50, 50] = 255
    tifffile.imwrite(tmp_path / "m.tif", mask)
    assert read_mask(tmp_path / "m.tif").parts == 1


def test_some_masks_of_a_screen_are_looked_at_before_its_images(tmp_path):
    paths = []
    for number in range(30):
        paths.append(str(tmp_path / f"m{number}.tif"))
        tifffile.imwrite(paths[-1], discs(4, 255))
    with pytest.raises(InputError, match=r"masks such as .*m0\.tif: 20 of 20 masks have no value"):
        check_sample(paths, "error")
    check_sample(paths, "components")
    check_sample([], "error")


def test_an_unknown_handling_is_an_error():
    with pytest.raises(InputError, match=r"segmentation.binary_masks: 'split' is not known"):
        check_sample([], "split")
