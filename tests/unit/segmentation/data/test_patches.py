import h5py
import numpy as np
import pytest
from annotated_discs import write_discs

from moascope.core.errors import InputError
from moascope.segmentation.data.annotated_set import AnnotatedSet
from moascope.segmentation.data.patches import Patches, varied
from moascope.segmentation.engines.options.training import PatchAugmentation
from moascope.segmentation.unet.targets import targets

OFF = PatchAugmentation(
    flip=False,
    quarter_turn=False,
    warp=0,
    gamma=0,
    contrast=0,
    brightness=0,
    blur=0,
    noise=0,
)


def patches(annotated, augmentation=OFF, size=32, seed=0):
    return Patches(annotated, size, augmentation, targets, seed=seed)


def test_a_patch_without_augmentation_is_a_part_of_a_training_image(tmp_path):
    annotated = write_discs(tmp_path)
    images, truth = patches(annotated).batch(0, 6)
    assert images.shape == (6, 32, 32, 1)
    assert truth.shape == (6, 32, 32, 3)
    whole = [annotated.normalized(row)[..., 0] for row in annotated.rows("train")]
    windows = [np.lib.stride_tricks.sliding_window_view(image, (32, 32)) for image in whole]
    for image in images[..., 0]:
        assert any(np.isclose(image, view).all(axis=(2, 3)).any() for view in windows)


@pytest.mark.parametrize("binning", [2, 3, 4])
def test_labels_of_squares_are_not_shifted_against_their_means(tmp_path, binning):
    annotated = write_discs(tmp_path)
    side = 12 * binning
    source = Patches(annotated, side, OFF, lambda labels: labels > 0, seed=0, binning=binning)
    images, found = source.batch(0, 200)
    assert found.shape == (200, 12, 12)
    means = images[..., 0].reshape(200, 12, binning, 12, binning).mean(axis=(2, 4))
    has_objects = found.any(axis=(1, 2))
    found, means = found[has_objects], means[has_objects]
    for axis in (1, 2):  # to first order, means = found - shift * slope
        slope = np.gradient(means, axis=axis)
        shift = binning * ((found - means) * slope).sum() / (slope**2).sum()
        assert abs(shift) < 0.25  # px


def test_a_batch_depends_on_the_seed_and_its_number_only(tmp_path):
    annotated = write_discs(tmp_path)
    source = patches(annotated, PatchAugmentation())
    again = patches(annotated, PatchAugmentation())
    np.testing.assert_array_equal(source.batch(3, 2)[0], again.batch(3, 2)[0])
    streamed = source.batches(3, 2)
    np.testing.assert_array_equal(next(streamed)[1], again.batch(3, 2)[1])
    np.testing.assert_array_equal(next(streamed)[1], again.batch(4, 2)[1])
    streamed.close()
    other = patches(annotated, PatchAugmentation(), seed=1)
    assert not np.array_equal(source.batch(3, 2)[0], other.batch(3, 2)[0])


@pytest.mark.parametrize(
    "change",
    [
        {"flip": True},
        {"quarter_turn": True},
        {"warp": 1.0, "zoom": (1.0, 1.0), "elastic": 0.0},
        {"warp": 1.0, "rotation": 0.0, "zoom": (1.0, 1.0)},
    ],
)
def test_image_and_labels_are_moved_alike(tmp_path, change):
    annotated = write_discs(tmp_path)
    images, truth = patches(annotated, OFF.model_copy(update=change)).batch(0, 12)
    assert not np.allclose(images, patches(annotated).batch(0, 12)[0])
    bright, inside = images[..., 0] > 0.5, truth[..., 0] > 0
    # Images without objects show nothing but noise.
    full = inside.any(axis=(1, 2))
    assert full.sum() > 5
    assert (bright == inside)[full].mean() > 0.95


def test_zoom_changes_the_size_of_objects(tmp_path):
    annotated = write_discs(tmp_path)

    def share(zoom):
        warp = OFF.model_copy(
            update={"warp": 1.0, "rotation": 0.0, "elastic": 0.0, "zoom": (zoom, zoom)}
        )
        _, truth = patches(annotated, warp, size=48).batch(0, 16)
        return (truth[..., 0] == 2).sum() / (truth[..., 0] > 0).sum()

    # The boundary stays one pixel wide, so that it is less of a larger object.
    assert share(2.0) < share(1.0) < share(0.6)


def test_an_image_smaller_than_the_patch_is_mirrored(tmp_path):
    annotated = write_discs(tmp_path, shapes=((20, 24),))
    images, truth = patches(
        annotated, OFF.model_copy(update={"quarter_turn": True}), size=64
    ).batch(0, 3)
    assert images.shape == (3, 64, 64, 1)
    assert np.isfinite(images).all()
    assert (truth[..., 0] > 0).any()


def test_crowded_images_and_rare_types_are_drawn_more_often(tmp_path):
    annotated = write_discs(tmp_path)
    source = patches(annotated)
    counts = annotated.table["n_objects"][annotated.rows("train")].to_numpy()
    assert source.chances[counts.argmax()] > source.chances[counts.argmin()] > 0
    assert source.chances.sum() == pytest.approx(1)


def test_constant_images_give_zeros(tmp_path):
    annotated = write_discs(tmp_path)
    annotated.close()
    with h5py.File(tmp_path / "discs.h5", "r+") as file:
        file["high"][:] = file["low"][:]
    again = AnnotatedSet(tmp_path / "discs.h5", tmp_path / "discs.parquet")
    assert (patches(again).batch(0, 4)[0] == 0).all()


def test_a_training_set_without_any_object_is_refused(tmp_path):
    annotated = write_discs(tmp_path)
    annotated.close()
    with h5py.File(tmp_path / "discs.h5", "r+") as file:
        for labels in file["labels"].values():
            labels[:] = 0
    again = AnnotatedSet(tmp_path / "discs.h5", tmp_path / "discs.parquet")
    with pytest.raises(InputError, match=r"discs\.h5: none of the 4 training images has an object"):
        patches(again)


def test_intensities_vary_within_what_is_asked_for():
    patch = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8, 1)
    rng = np.random.default_rng(0)
    assert (varied(rng, patch, OFF) == patch).all()
    assert np.allclose(varied(rng, patch, OFF.model_copy(update={"inversion": 1.0})), 1 - patch)
    bright = np.stack(
        [varied(rng, patch, OFF.model_copy(update={"brightness": 0.1})) for _ in range(50)]
    )
    assert 0.05 < np.abs(bright - patch).max() <= 0.1 + 1e-6
    bent = np.stack([varied(rng, patch, OFF.model_copy(update={"gamma": 1.0})) for _ in range(50)])
    assert (bent[:, 0, 0] == 0).all()
    assert np.allclose(bent[:, -1, -1], 1)
    assert (bent >= patch**2 - 1e-6).all()
    assert (bent <= patch**0.5 + 1e-6).all()
    assert varied(rng, patch, PatchAugmentation()).dtype == np.float32
    steeper = np.stack(
        [varied(rng, patch, OFF.model_copy(update={"contrast": 0.3})) for _ in range(50)]
    )
    slopes = np.ptp(steeper, axis=(1, 2, 3))
    assert 0.7 - 1e-6 <= slopes.min() < 0.8
    assert 1.2 < slopes.max() <= 1.3 + 1e-6
    spot = np.zeros((9, 9, 1), np.float32)
    spot[4, 4] = 1
    blurred = [varied(rng, spot, OFF.model_copy(update={"blur": 2.0})).max() for _ in range(20)]
    assert min(blurred) < 0.3
    noisy = np.stack(
        [varied(rng, 0 * patch, OFF.model_copy(update={"noise": 0.1})) for _ in range(50)]
    )
    assert 0.03 < noisy.std() < 0.1
