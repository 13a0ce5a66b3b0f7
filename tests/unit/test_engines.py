"""Other ways to segment, behind one interface."""

import importlib.util
import os
from typing import ClassVar

import imagecodecs
import numpy as np
import pytest
from scipy import ndimage

from moascope import engines
from moascope.engines import (
    ClassicalParameters,
    cellpose,
    classical,
    segment_classical,
    tune_classical,
)
from moascope.errors import InputError
from moascope.matching import scores, tally

HAS_CELLPOSE = importlib.util.find_spec("cellpose") is not None


@pytest.fixture(scope="module")
def nuclei() -> tuple[np.ndarray, np.ndarray]:
    """Discs on a noisy 16-bit image, two of them touching, and their labels."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:128, :160]
    labels = np.zeros((128, 160), np.int32)
    for number, (cy, cx) in enumerate([(25, 25), (25, 43), (80, 40), (90, 110), (40, 120)], 1):
        labels[(y - cy) ** 2 + (x - cx) ** 2 <= 100] = number
    image = 300 + 2000 * (labels > 0) + rng.normal(0, 60, labels.shape)
    return image.astype(np.uint16)[np.newaxis], labels


def test_bright_objects_are_found_and_told_apart(nuclei):
    image, truth = nuclei
    found = segment_classical(image, ClassicalParameters())
    assert found.dtype == np.int32
    assert found.max() == 5
    assert scores(tally(truth, found))["ap"]["0.8"] == 1


def test_brightness_and_its_scale_do_not_matter(nuclei):
    image, _ = nuclei
    found = segment_classical(image, ClassicalParameters())
    brighter = 3 * image.astype(np.float32) + 1000
    np.testing.assert_array_equal(found > 0, segment_classical(brighter, ClassicalParameters()) > 0)


@pytest.mark.parametrize("value", [0, 40_000])
def test_a_constant_16_bit_image_has_no_objects(value):
    image = np.full((1, 30, 40), value, np.uint16)
    assert not segment_classical(image, ClassicalParameters()).any()


def test_small_and_border_objects_are_removed_where_asked(nuclei):
    image, _ = nuclei
    assert segment_classical(image, ClassicalParameters(min_area=400)).max() == 0
    cut = image[:, 25:]
    kept = classical(ClassicalParameters(clear_border=True))(cut)
    assert segment_classical(cut, ClassicalParameters()).max() == 5
    assert kept.max() == 3


def test_the_channel_is_chosen_and_checked(nuclei):
    image, _ = nuclei
    both = np.concatenate([np.zeros_like(image), image])
    assert segment_classical(both, ClassicalParameters(channel=1)).max() == 5
    with pytest.raises(InputError, match="channel 2 is to be segmented, but the image has 2 chan"):
        segment_classical(both, ClassicalParameters(channel=2))


def test_tuning_improves_the_parameters(nuclei):
    image, truth = nuclei
    start = ClassicalParameters(correction=0.1, local_weight=0.0)
    grid = {"correction": (0.1, 0.8), "separation": (3, 6)}
    best, tried = tune_classical([(image, truth)], grid, start)
    assert best.correction == 0.8
    assert best.local_weight == 0.0
    assert tried["mean_ap"].iloc[0] > tried["mean_ap"].iloc[-1]


@pytest.mark.parametrize("shape", [(64, 64), (61, 47), (1, 90), (7, 300)])
@pytest.mark.parametrize("radius", [0.5, 3.0, 15.0, 60.0])
def test_surroundings_are_those_of_the_gaussian_filter_of_scipy(shape, radius):
    plane = np.random.default_rng(0).gamma(2, 1000, shape).astype(np.float32)
    expected = ndimage.gaussian_filter(plane.astype(np.float64), radius)
    blurred = engines._blur(plane, radius)
    assert blurred.dtype == np.float32
    np.testing.assert_allclose(blurred, expected, rtol=0, atol=1e-6 * plane.max())


@pytest.mark.parametrize("radius", [15.0, 30.0, 60.0])
def test_objects_are_those_that_the_gaussian_filter_of_scipy_finds(nuclei, radius, monkeypatch):
    noise = np.random.default_rng(0).gamma(2, 1000, (1, 150, 170)).astype(np.uint16)
    parameters = ClassicalParameters(correction=0.1, local_radius=radius, separation=1)
    found = [segment_classical(image, parameters) for image in (nuclei[0], noise)]
    monkeypatch.setattr(engines, "_blur", ndimage.gaussian_filter)
    for image, labels in zip((nuclei[0], noise), found, strict=True):
        assert labels.max() > 4
        np.testing.assert_array_equal(labels, segment_classical(image, parameters))


def test_real_nuclei_are_segmented_as_well_as_the_reference(shared_data):
    """Four test images of the benchmark, with what tuning on its validation images gave."""
    import json

    root = shared_data / "dsb2018"
    names = json.loads((root / "fluo_split.json").read_text())["test"][:4]
    total = 0.0
    for name in names:
        image, labels = (
            imagecodecs.png_decode((root / kind / f"{name}.png").read_bytes())
            for kind in ("images", "masks")
        )
        found = segment_classical(image[np.newaxis], ClassicalParameters())
        total += scores(tally(labels, found))["ap"]["0.5"]
    assert total / len(names) > 0.6


@pytest.mark.skipif(HAS_CELLPOSE, reason="Cellpose is installed here")
def test_cellpose_that_is_not_installed_is_explained():
    with pytest.raises(InputError, match=r"engine cellpose: .*--sdm conda.*pip install cellpose"):
        cellpose()


class NotReachable:
    """What stands for Cellpose where no network is."""

    MODEL_NAMES: ClassVar = ["cpsam"]
    MODEL_DIR = "/home/me/.cellpose/models"

    @staticmethod
    def CellposeModel(**options):  # noqa: N802
        raise OSError("no route to host")


def test_weights_that_cannot_be_downloaded_are_explained(monkeypatch):
    monkeypatch.setattr(engines, "imported", lambda *names: NotReachable)
    message = (
        r"the weights cpsam cannot be downloaded \(no route to host\)\. Download them elsewhere "
        r"from huggingface\.co/mouseland/cellpose-sam, and put them into "
        r"/home/me/\.cellpose/models or give their path"
    )
    with pytest.raises(InputError, match=message):
        cellpose()


needs_cellpose = pytest.mark.skipif(not HAS_CELLPOSE, reason="Cellpose is not installed here")


@needs_cellpose
def test_cellpose_models_that_are_not_there_are_explained(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(InputError, match="'cyto9' is neither a file nor a published model"):
        cellpose("cyto9")
    (tmp_path / "weights").write_bytes(os.urandom(100))
    with pytest.raises(InputError, match="cannot be read as weights of Cellpose 4"):
        cellpose(tmp_path / "weights")


@needs_cellpose
def test_cellpose_runs_with_weights_from_a_file(tmp_path, nuclei):
    """With random weights, as the real ones cannot be fetched everywhere: 1.2 GB, half a minute."""
    import torch
    from cellpose.vit_sam import Transformer

    torch.manual_seed(0)
    torch.save(Transformer().state_dict(), tmp_path / "weights")
    image, _ = nuclei
    engine = cellpose(tmp_path / "weights", [0, 0])
    found = engine(np.concatenate([image, image]))
    assert found.shape == image.shape[1:]
    assert found.dtype == np.int32
