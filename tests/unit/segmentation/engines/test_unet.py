"""The U-Net as a method: keys that do not go together."""

import pytest

from moascope.segmentation.engines.options.unet import UNetOptions
from moascope.segmentation.engines.unet import UNET


def problems(**keys):
    return UNET.problems(UNetOptions(**keys))


def test_defaults_go_together():
    assert problems() == []


@pytest.mark.parametrize(
    ("depth", "binning", "multiple"), [(1, 1, 2), (4, 1, 16), (4, 2, 32), (5, 8, 256)]
)
def test_patches_are_halved_without_a_rest(depth, binning, multiple):
    network = {"depth": depth, "binning": binning}
    assert problems(network=network, training={"patch_size": 256}) == []
    (text,) = problems(network=network, training={"patch_size": 256 + multiple // 2})
    assert f"must be a multiple of {multiple} px" in text


def test_a_given_model_has_its_own_depth():
    assert problems(model="u.keras", training={"patch_size": 100}) == []


def test_a_pretrained_encoder_halves_at_most_five_times():
    assert problems(network={"depth": 6, "encoder": "none"}) == []
    (text,) = problems(network={"depth": 6})
    assert text == "network.depth (6) must be at most 5 with a pretrained encoder"


def test_augmentation_is_for_training():
    assert problems(model="u.keras", augmentation={}, training={}) == []
    (text,) = problems(model="u.keras", augmentation={})
    assert text.startswith("augmentation has no effect, since the given model is not trained")


def test_tiles_overlap_by_half_at_most():
    assert problems(tile=128, overlap=64) == []
    assert problems(tile=128, overlap=65) == ["overlap (65) must be at most half of tile (128)"]


def test_networks_of_an_ensemble_are_trained_one_by_one():
    assert UNET.is_ensemble
    assert not UNET.is_always_tuned()
    assert set(UNET.keys_of_model) == {"network", "ensemble"}
