import keras
import numpy as np
import pytest
import tensorflow as tf

from moascope.classification.training import augmentation
from moascope.classification.training.augmentation_methods import AUGMENTATIONS
from moascope.classification.training.augmentation_mixing import mix
from moascope.classification.training.options import Augmentation

NAMES = [method.name for method in AUGMENTATIONS]


def images(n=4, size=24, channels=5, seed=0):
    return np.random.default_rng(seed).random((n, size, size, channels), dtype="float32")


def augmented(x, *augmentations, seed=1):
    layers = augmentation.build([Augmentation(**each) for each in augmentations], seed)
    return np.asarray(augmentation.apply(layers, keras.ops.convert_to_tensor(x)))


@pytest.mark.parametrize("name", NAMES)
def test_every_augmentation_keeps_the_shape_and_changes_the_images(name):
    x = images(n=8)
    changed = augmented(x, {"name": name})
    assert changed.shape == x.shape
    assert np.isfinite(changed).all()
    assert np.abs(changed - x).max() > 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides(name):
    x = images(n=8)
    np.testing.assert_array_equal(augmented(x, {"name": name}), augmented(x, {"name": name}))
    assert np.abs(augmented(x, {"name": name}, seed=2) - augmented(x, {"name": name})).max() > 0


@pytest.mark.parametrize("name", NAMES)
def test_nothing_happens_outside_training(name):
    x = images()
    unchanged, _ = mix(augmentation.build([Augmentation(name=name)], 0), x, training=False)
    np.testing.assert_array_equal(np.asarray(unchanged), x)


WARPS = ["stretch", "perspective", "elastic", "lens"]


@pytest.mark.parametrize("name", ["rotation", "shift", "pixel_shift", "zoom", "shear", *WARPS])
def test_a_uniform_image_stays_uniform_to_its_corners(name):
    x = np.full((4, 24, 24, 2), 0.7, "float32")
    np.testing.assert_allclose(augmented(x, {"name": name}), x, atol=1e-5)


def test_pixel_shifts_are_the_same_in_a_compiled_step():
    x = images(n=8)
    layers = augmentation.build([Augmentation(name="pixel_shift")], 1)
    compiled = tf.function(lambda batch: augmentation.apply(layers, batch))
    shifted = compiled.get_concrete_function(tf.TensorSpec((None, 24, 24, 5)))(tf.constant(x))
    np.testing.assert_array_equal(shifted, augmented(x, {"name": "pixel_shift"}))


def test_pixel_shifts_move_whole_pixels_and_repeat_the_rim():
    x = images(n=1)[:, :, :, :1].repeat(64, axis=0)
    padded = np.pad(x[0], ((1, 1), (1, 1), (0, 0)), mode="edge")
    possible = [padded[r : r + 24, c : c + 24] for r in range(3) for c in range(3)]
    shifted = augmented(x, {"name": "pixel_shift", "pixels": 1})
    seen = {next(i for i, s in enumerate(possible) if (s == image).all()) for image in shifted}
    assert len(seen) == 9


@pytest.mark.parametrize("names", [["flip"], ["quarter_turn"], ["flip", "quarter_turn"]])
def test_flips_and_quarter_turns_only_move_pixels(names):
    x = images(n=1)[:, :, :, :1].repeat(32, axis=0)
    turned = augmented(x, *({"name": name} for name in names))
    symmetries = [np.rot90(x[0], k) for k in range(4)]
    symmetries += [symmetry[:, ::-1] for symmetry in symmetries]
    seen = {next(i for i, s in enumerate(symmetries) if (s == image).all()) for image in turned}
    assert len(seen) == (8 if len(names) == 2 else 4)


@pytest.mark.parametrize("name", NAMES)
def test_a_probability_of_zero_means_never(name):
    x = images()
    unchanged = augmented(x, {"name": name, "probability": 0.0})
    np.testing.assert_allclose(unchanged, x, atol=1e-6)


@pytest.mark.parametrize("name", ["noise", "perspective", "mask", "cutmix", "rand_augment"])
def test_a_probability_is_the_share_of_the_units_that_change(name):
    x = images(n=200, size=16, channels=2)

    def share(probability):
        changed = augmented(x, {"name": name, "probability": probability}) != x
        return changed.any(axis=(1, 2, 3)).mean()

    always = share(1.0)
    assert always >= 0.9
    assert share(0.3) == pytest.approx(0.3 * always, abs=0.08)


def test_a_probability_of_one_changes_nothing_in_what_is_drawn():
    x = images()
    steps = [{"name": "flip"}, {"name": "rotation"}, {"name": "noise"}]
    given = [{**step, "probability": 1.0} for step in steps]
    np.testing.assert_array_equal(augmented(x, *steps), augmented(x, *given))


def test_the_draws_of_earlier_versions_are_kept():
    seeds = np.random.SeedSequence(9).generate_state(4) >> 1
    steps = [Augmentation(name=name) for name in ("flip", "channel_gain")]
    built = augmentation.build(steps, 9)
    assert [layer.seed for layer in built] == seeds[:3].tolist()


@pytest.mark.parametrize(
    "name", [*WARPS, "mask", "channel_dropout", "mixup", "cutmix", "rand_augment"]
)
def test_values_stay_in_range_for_any_channels_and_shapes(name):
    for n_channels in (2, 7):
        x = np.random.default_rng(1).random((6, 20, 28, n_channels)).astype("float16")
        changed = augmented(x, {"name": name})
        assert changed.shape == x.shape
        assert changed.dtype == np.float32
        assert changed.min() >= -1e-6
        assert changed.max() <= 1 + 1e-6


def test_entries_are_applied_in_order():
    x = images(n=4)
    mask, gain = {"name": "mask", "fill": "mean"}, {"name": "noise", "sd": 0.3}
    covered_last = augmented(x, gain, mask)
    covered_first = augmented(x, mask, gain)
    # Only what is covered last is constant.
    assert has_repeats(covered_last)
    assert not has_repeats(covered_first)


def has_repeats(x):
    neighbours = (x[:, 1:, :-1] == x[:, :-1, :-1]) & (x[:, 1:, :-1] == x[:, 1:, 1:])
    return bool(neighbours.all(axis=-1).any())


def test_erasing_blanks_one_rectangle_in_all_channels():
    x = images(n=8) + 0.1
    erased = augmented(x, {"name": "erase", "probability": 1.0, "area": 0.2}) == 0
    assert (erased.any(axis=-1) == erased.all(axis=-1)).all()
    share = erased[..., 0].mean(axis=(1, 2))
    assert ((share > 0) & (share <= 0.3)).all()


def test_preview_shows_every_augmentation_by_itself_and_then_all():
    x = images(n=3)
    steps = [Augmentation(name="flip"), Augmentation(name="noise", probability=0.0)]
    sheet = augmentation.preview(x, steps, 3, 4)
    assert sheet.shape == (5, 5, 24, 24, 5)
    np.testing.assert_array_equal(sheet[:, 0], x[[0, 0, 0, 1, 2]])
    flipped, noisy, both = sheet[0, 1:], sheet[1, 1:], sheet[2, 1:]
    assert all(np.allclose(np.sort(each, axis=None), np.sort(x[0], axis=None)) for each in flipped)
    assert all((each != x[0]).all() for each in noisy)
    assert all(np.allclose(np.sort(each, axis=None), np.sort(x[0], axis=None)) for each in both)


def test_preview_shows_mixed_units():
    sheet = augmentation.preview(images(n=3), [Augmentation(name="mixup", alpha=10.0)], 3, 6)
    assert (sheet[0, 0] != sheet[0, 1:]).any()
