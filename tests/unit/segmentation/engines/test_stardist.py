"""StarDist as a method: keys that do not go together."""

import pytest

from moascope.segmentation.engines.options.stardist import StarDistOptions
from moascope.segmentation.engines.stardist import STARDIST


def problems(**keys):
    return STARDIST.problems(StarDistOptions(**keys))


def test_defaults_go_together():
    assert problems() == []


@pytest.mark.parametrize("grid", [1, 2, 4, 8])
def test_patches_are_multiples_of_eight_cells_of_the_grid(grid):
    assert problems(grid=grid, training={"patch_size": 64}) == []
    (text,) = problems(grid=grid, training={"patch_size": 64 + 4})
    assert text.startswith(f"training.patch_size (68) must be a multiple of {8 * grid} px, which")


@pytest.mark.parametrize("grid", [3, 5, 6, 7])
def test_a_grid_is_a_power_of_two(grid):
    assert problems(grid=grid) == [f"grid ({grid}) must be 1, 2, 4 or 8 px"]


def test_all_keys_of_training_that_only_the_unet_has_are_named_at_once():
    (text,) = problems(training={"touching_weight": 1, "loss": "dice"})
    assert text.startswith("training.loss, training.touching_weight: unknown to method 'stardist'")


def test_tuning_needs_a_threshold_that_is_not_set():
    assert problems(tune=True, prob_threshold=0.5) == []
    (text,) = problems(tune=True, prob_threshold=0.5, nms_threshold=0.3)
    assert "there is nothing to tune" in text
