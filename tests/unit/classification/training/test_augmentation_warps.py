import keras
import numpy as np
import pytest

from moascope.classification.training.augmentation_warps import (
    RandomElastic,
    RandomLens,
    RandomPerspective,
)


def ramps(n, height, width):
    """Return images that hold their own rows and columns, as fractions of the side."""
    rows = np.broadcast_to(((np.arange(height) + 0.5) / height)[:, None], (height, width))
    columns = np.broadcast_to(((np.arange(width) + 0.5) / width)[None], (height, width))
    return np.repeat(np.stack([rows, columns], axis=-1)[None], n, axis=0).astype("float32")


def warped(layer, images):
    return np.asarray(layer(keras.ops.convert_to_tensor(images), training=True))


def elastic(fraction, seed):
    return RandomElastic(fraction, nodes=4, seed=seed)


@pytest.mark.parametrize("kind", [RandomPerspective, RandomLens, elastic])
def test_without_strength_the_image_stays_as_it_is(kind):
    x = np.random.default_rng(0).random((3, 12, 18, 2), dtype="float32")
    np.testing.assert_allclose(warped(kind(0.0, seed=1), x), x, atol=1e-5)


def sources(layer, n=100, height=40, width=60):
    """Return where pixels come from, as the ramps tell, without what lies outside."""
    x = ramps(n, height, width)
    return warped(layer, x), x


def test_perspective_moves_no_corner_further_than_its_fraction():
    found, x = sources(RandomPerspective(0.2, seed=1))
    shifts = np.abs(found - x)[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert shifts.max() <= 0.2 + 0.02
    assert shifts.max() > 0.15


def test_perspective_keeps_straight_lines_straight():
    layer = RandomPerspective(0.1, seed=3)
    rows, columns = np.meshgrid(np.linspace(0, 1, 9), [0.3], indexing="ij")
    source_rows, source_columns = layer.find_sources(
        20, rows[None].astype("float32"), columns[None].astype("float32")
    )
    points = np.stack([np.asarray(source_rows), np.asarray(source_columns)], axis=-1)[:, :, 0]
    steps, whole = np.diff(points, axis=1), points[:, -1:] - points[:, :1]
    area = steps[..., 0] * whole[..., 1] - steps[..., 1] * whole[..., 0]
    assert np.abs(area).max() < 1e-5
    # Unlike those of an affine change, the steps differ.
    lengths = np.linalg.norm(steps, axis=-1)
    assert (lengths.max(axis=1) / lengths.min(axis=1)).max() > 1.1


def test_perspective_moves_every_corner_by_itself():
    layer, corners = RandomPerspective(0.2, seed=5), np.array([0.0, 1.0], "float32")
    shape = np.asarray(layer.find_sources(50, corners[None, :, None], corners[None, None, :]))
    square = np.stack(np.meshgrid(corners, corners, indexing="ij"))[:, None]
    shifts = np.abs(shape - square)
    assert shifts.max() <= 0.2 + 1e-5
    assert len(np.unique(shifts.round(5))) > 350


def test_elastic_shifts_are_limited_and_smooth():
    found, x = sources(elastic(0.05, seed=1))
    inner = (slice(None), slice(4, -4), slice(4, -4))
    shifts = (found - x)[inner]
    assert 0.03 < np.abs(shifts).max() <= 0.05 + 1e-5
    assert np.abs(np.diff(shifts, axis=1)).max() < 0.02
    assert np.abs(np.diff(shifts, axis=2)).max() < 0.02


def test_elastic_deformation_keeps_the_mass_of_objects_on_average():
    place = np.linspace(-1, 1, 48)
    blob = np.exp(-8 * (place[:, None] ** 2 + place[None] ** 2)).astype("float32")
    x = np.repeat(blob[None, :, :, None], 200, axis=0)
    mass = warped(elastic(0.05, seed=1), x).sum(axis=(1, 2, 3)) / blob.sum()
    assert mass.mean() == pytest.approx(1, abs=0.05)
    assert np.abs(mass - 1).max() < 0.5


def test_a_lens_moves_along_the_radius_and_the_corners_most():
    found, x = sources(RandomLens(0.3, seed=2))
    shifts = np.abs(found - x)
    assert shifts[:, 15:25, 22:38].max() < 0.02
    # So far from the rim nothing is reflected, and the ramps tell the factor.
    factor = (found - 0.5)[:, 4, 6] / (x - 0.5)[:, 4, 6]
    np.testing.assert_allclose(factor[:, 0], factor[:, 1], rtol=1e-3)
    largest = 0.3 * 2 * ((x[0, 4, 6] - 0.5) ** 2).sum()
    assert np.abs(factor - 1).max() <= largest + 1e-5
    assert factor.min() < 1 - 0.9 * largest  # pincushion
    assert factor.max() > 1 + 0.9 * largest  # barrel


def test_what_lies_outside_is_the_reflected_image():
    x = np.random.default_rng(0).random((1, 4, 4, 1), dtype="float32")

    class Shifted(RandomLens):
        def find_sources(self, n, rows, columns):
            return rows + 0.0 * columns - 0.5, columns + 0.0 * rows

    shifted = warped(Shifted(0.0, seed=0), x)
    np.testing.assert_allclose(shifted[0], x[0][[1, 0, 0, 1]], atol=1e-6)
