"""Options of the training of segmentation networks."""

import pytest
from pydantic import ValidationError

from moascope.core.options import restore
from moascope.segmentation.engines.options.training import NetworkTraining, PatchAugmentation


def test_keys_of_deformed_patches_have_no_effect_without_them():
    with pytest.raises(ValidationError) as caught:
        PatchAugmentation(warp=0, rotation=10, elastic=1)
    assert "rotation has no effect with warp 0; remove it" in str(caught.value)
    assert "elastic has no effect with warp 0; remove it" in str(caught.value)
    assert "zoom has" not in str(caught.value)
    assert PatchAugmentation(warp=0).zoom == (0.75, 1.5)


@pytest.mark.parametrize("zoom", [(0, 1), (2, 1), (-1, 1)])
def test_zoom_goes_from_small_to_large(zoom):
    with pytest.raises(ValidationError, match="zoom must go from a smaller to a larger"):
        PatchAugmentation(zoom=zoom)


def test_an_image_may_keep_its_magnification():
    assert PatchAugmentation(zoom=(1, 1)).zoom == (1, 1)


@pytest.mark.parametrize(
    "keys",
    [
        {"steps": 0},
        {"max_minutes": 0},
        {"patch_size": 31},
        {"learning_rate": 0},
        {"warm_up": 1},
        {"patience": 0},
        {"loss": "hinge"},
    ],
)
def test_values_of_training_are_limited(keys):
    with pytest.raises(ValidationError, match=next(iter(keys))):
        NetworkTraining(**keys)


def test_nothing_but_steps_ends_a_training_by_default():
    training = NetworkTraining()
    assert training.max_minutes is training.patience is None


def test_options_without_effect_survive_the_parameters_of_a_rule():
    given = PatchAugmentation(warp=0, noise=0.1)
    assert restore(PatchAugmentation, given.model_dump(mode="json")) == given
