"""Magnification at which an engine sees images: given, measured, or from pixel sizes."""

import json
import zipfile

import numpy as np
import pandas as pd
import pytest

from moascope.core.errors import InputError
from moascope.segmentation import image_scale
from moascope.segmentation.data.annotated_set import AnnotatedSet
from moascope.segmentation.data.dataset import write
from moascope.segmentation.data.masks import Mask
from moascope.segmentation.data.object_sizes import Size, size_of
from moascope.segmentation.engines.options.base import MethodOptions
from moascope.segmentation.object_size import factor_for, trained_size


@pytest.fixture
def packed(tmp_path):
    """Write an annotated set of two images with squares of 16 px, at 0.5 micrometres per pixel."""
    labels = np.zeros((64, 64), np.int32)
    for number, (y, x) in enumerate(((4, 4), (4, 40), (40, 4)), start=1):
        labels[y : y + 16, x : x + 16] = number
    image = (100 + 900 * (labels[None] > 0)).astype(np.uint16)
    names = ["a", "b"]
    rows = pd.DataFrame({"name": names, "set": "train", "group": names, "image": 0, "mask": 0})
    files = tmp_path / "set.h5", tmp_path / "set.parquet"
    readers = {"read_image": lambda _: image, "read_labels": lambda _: Mask(labels)}
    write(rows, ["DNA"], *files, pixel_size_um=0.5, **readers)
    return dict(zip(("images", "table"), map(str, files), strict=True))


def model(folder, **about):
    path = folder / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("moascope.json", json.dumps(about))
    return str(path)


def test_an_annotated_set_knows_the_size_of_its_objects_and_pixels(packed):
    with AnnotatedSet(packed["images"], packed["table"]) as annotated:
        size = size_of(annotated)
    assert size.diameter == pytest.approx(2 * np.sqrt(256 / np.pi))
    assert size.pixel_size_um == 0.5


def test_the_trained_size_is_read_from_every_kind_of_model(tmp_path):
    expected = Size(19.0, 0.65)
    about = {"diameter": 19.0, "pixel_size_um": 0.65, "channels": ["DNA"]}
    assert trained_size(model(tmp_path, **about)) == expected
    (tmp_path / "classical.json").write_text(json.dumps(about))
    assert trained_size(tmp_path / "classical.json") == expected
    (tmp_path / "stardist").mkdir()
    assert trained_size(tmp_path / "stardist") == Size()
    (tmp_path / "stardist/moascope.json").write_text(json.dumps(about))
    assert trained_size(tmp_path / "stardist") == expected
    assert image_scale.size_of_model("2D_versatile_fluo") == Size()


def test_what_the_user_told_counts_before_the_sizes_of_pixels():
    trained = Size(20.0, 0.5)
    assert factor_for(trained, Size(100.0, 0.5), "m") == 0.2
    assert factor_for(trained, Size(None, 0.25), "m") == 0.5
    assert factor_for(trained, Size(None, None), "m") == 1
    assert factor_for(Size(), Size(None, 0.25), "m") == 1


def test_a_measured_factor_counts_before_all_others():
    assert factor_for(Size(20.0, 0.5), Size(100.0, 0.5), "m", {"factor": 0.7}) == 0.7


def test_a_diameter_needs_a_model_that_says_what_it_has_learnt():
    with pytest.raises(
        InputError, match=r"m: diameter: the model lacks the diameter .* set it to auto"
    ):
        factor_for(Size(), Size(100.0), "m")


def test_a_job_resizes_by_what_is_known_of_model_and_images(tmp_path, packed):
    path = model(tmp_path, diameter=36.0, pixel_size_um=1.0)
    assert image_scale.factor_of_job(packed, MethodOptions(diameter=18.0), path) == 2
    assert image_scale.factor_of_job(packed, MethodOptions(diameter=None), path) == 0.5
    (tmp_path / "size.json").write_text('{"factor": 0.1}')
    given = {**packed, "measured": str(tmp_path / "size.json")}
    assert image_scale.factor_of_job(given, MethodOptions(diameter="auto"), path) == 0.1


def test_the_classical_engine_takes_the_measured_diameter_or_the_stored_one(tmp_path, packed):
    stored = tmp_path / "classical.json"
    stored.write_text('{"diameter": 40.0, "pixel_size_um": 1.0}')
    given = {**packed, "model": str(stored)}
    assert image_scale.diameter_of_job(given, MethodOptions(diameter=None)) == 80
    assert image_scale.diameter_of_job(given, MethodOptions(diameter=30.0)) == 30
    (tmp_path / "size.json").write_text('{"diameter": 55.0}')
    given["measured"] = str(tmp_path / "size.json")
    assert image_scale.diameter_of_job(given, MethodOptions(diameter="auto")) == 55
    (tmp_path / "size.json").write_text('{"diameter": null}')
    assert image_scale.diameter_of_job(given, MethodOptions(diameter="auto")) == 80


def test_what_is_measured_says_factor_diameter_and_peaks(tmp_path, packed):
    class Judge:
        def tops(self, image):
            side = image.shape[1]
            return np.ones(2), np.exp(-(np.full(2, np.log2(side / 128)) ** 2))

    path = model(tmp_path, diameter=36.0)
    found = image_scale.measure_job(Judge(), packed, ["DNA"], path)
    assert found["factor"] == 2
    assert found["diameter"] == 18
    assert found["n_images"] == 2
    assert found["peaks"]["2"] == max(found["peaks"].values())
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("is_tuned", [False, True])
def test_the_size_of_objects_is_not_tuned_on_test_images(tmp_path, is_tuned):
    names = ["train", "validation", "test"]
    columns = {"name": names, "set": names, "group": names, "image": [1, 2, 3], "mask": 0}
    labels = np.pad(np.ones((16, 16), np.int32), 24)
    files = tmp_path / "set.h5", tmp_path / "set.parquet"
    readers = {
        "read_image": lambda value: np.full((1, 64, 64), value, np.uint16),
        "read_labels": lambda _: Mask(labels),
    }
    write(pd.DataFrame(columns), ["DNA"], *files, binary_masks="labels", **readers)
    seen = set()

    class Judge:
        def tops(self, image):
            seen.add(int(image[0, 0, 0]))
            return np.ones(1), np.ones(1)

    given = dict(zip(("images", "table"), map(str, files), strict=True))
    path = model(tmp_path, diameter=16.0)
    found = image_scale.measure_job(Judge(), given, ["DNA"], path, is_tuned=is_tuned)
    assert seen == ({1, 2} if is_tuned else {1, 2, 3})
    assert found["n_images"] == len(seen)
