"""Predicting images of any size, tile by tile."""

import tracemalloc

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from moascope.core.errors import InputError
from moascope.segmentation.engines.options.unet import Network
from moascope.segmentation.instances import InstanceParameters, label_objects
from moascope.segmentation.unet import architecture
from moascope.segmentation.unet.tiling import predict_tiled, with_test_time_augmentation

RADIUS = 8


def blurred(images: np.ndarray) -> np.ndarray:
    """A network with one convolution: zeros beyond the border, each pixel sees 8 px around it."""
    size = 2 * RADIUS + 1
    first = ndimage.uniform_filter(images, (0, size, size, 0), mode="constant")
    return np.concatenate([first, np.tanh(first**2)], axis=-1)[..., :3]


def pooled_and_grown(images: np.ndarray) -> np.ndarray:
    """A network that pools: 4 x 4 px become their mean."""
    n, height, width, channels = images.shape
    blocks = images.reshape(n, height // 4, 4, width // 4, 4, channels).mean((2, 4))
    return np.repeat(np.repeat(blocks, 4, axis=1), 4, axis=2)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 250),
    st.integers(1, 250),
    st.sampled_from([(96, 32), (64, 32), (128, 64), (256, 32)]),
    st.integers(1, 5),
)
def test_tiles_give_the_prediction_of_the_whole_image(height, width, sizes, batch_size):
    image = noise(height, width, 2)
    tile, overlap = sizes
    found = predict_tiled(blurred, image, tile, overlap, batch_size)
    inner = np.s_[RADIUS:-RADIUS, RADIUS:-RADIUS]
    assert found.shape == (height, width, 3)
    np.testing.assert_allclose(found[inner], blurred(image[None])[0][inner], atol=1e-5)


def test_tiles_of_a_pretrained_unet_give_its_prediction_of_the_whole_image():
    """What it sees further away than the overlap does not matter, at any place of the image."""
    keras.utils.set_random_seed(0)
    network = architecture.build(Network(), ["DNA"])
    predict = architecture.predictor(architecture.core(network, 1))
    y, x = np.mgrid[:800, :800]
    image = (np.sin(x / 9) * np.sin(y / 7) > 0.3) + 0.1 * noise(800, 800)
    image = ndimage.gaussian_filter(image, 1.5)[..., None].astype(np.float32)
    whole = predict(image[None])[0]
    found = predict_tiled(predict, image, 768, 384, multiple=16)
    assert np.ptp(whole[..., 0]) > 0.5
    np.testing.assert_allclose(found, whole, atol=1e-4)


def test_tiles_keep_the_grid_of_pooling():
    image = noise(200, 328, 1)
    found = predict_tiled(pooled_and_grown, image, 96, 32, multiple=4)
    np.testing.assert_allclose(found, pooled_and_grown(image[None])[0], atol=1e-6)


def test_a_network_without_context_gives_the_image_back():
    """Weights add up to 1 everywhere, so that no seam can show."""
    image = noise(333, 71, 1)
    np.testing.assert_allclose(predict_tiled(lambda x: x, image, 64, 32), image, atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (40, 200)])
def test_an_image_smaller_than_the_tile_is_mirrored_to_what_the_network_takes(size):
    shapes = []

    def function(images):
        shapes.append(images.shape)
        return images

    image = noise(*size, 1)
    np.testing.assert_array_equal(predict_tiled(function, image, 256, 64), image)
    assert len(shapes) == 1
    assert all(side % 32 == 0 and side - 32 < wanted <= side
               for side, wanted in zip(shapes[0][1:3], size, strict=True))  # fmt: skip


def test_tiles_are_no_larger_than_needed():
    shapes = []

    def function(images):
        shapes.append(images.shape)
        return images

    predict_tiled(function, noise(520, 696, 1), 512, 128, 4)
    assert set(shapes) == {(2, 352, 416, 1)}


def test_batches_hold_at_most_the_tiles_asked_for():
    counts = []

    def function(images):
        counts.append(len(images))
        return images

    predict_tiled(function, noise(64, 500, 1), 64, 0, batch_size=3)
    assert counts == [3, 3, 2]


def test_the_result_may_be_half_precision():
    assert predict_tiled(blurred, noise(40, 40, 1), dtype=np.float16).dtype == np.float16


@pytest.mark.parametrize(
    ("tile", "overlap", "largest"), [(100, 32, 128), (64, 20, 64), (64, 64, 128), (0, 0, 32)]
)
def test_sizes_of_tiles_are_rounded_up_to_what_the_network_takes(tile, overlap, largest):
    sides = []

    def function(images):
        sides.extend(images.shape[1:3])
        return images

    image = noise(300, 300, 1)
    np.testing.assert_allclose(predict_tiled(function, image, tile, overlap), image, atol=1e-6)
    assert max(sides) == largest


def test_an_image_without_pixels_is_refused():
    with pytest.raises(InputError, match="0 x 5 px"):
        predict_tiled(blurred, noise(0, 5, 1))


def test_a_whole_image_is_never_in_memory_besides_the_result():
    image = np.zeros((4096, 2048, 1), np.uint8)
    tracemalloc.start()
    result = predict_tiled(lambda x: x, image, 128, 32, dtype=np.float16)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < result.nbytes + 8 * 128 * 2048 * 4


def test_turns_average_what_a_network_says_of_each_side():
    def uneven(images):
        ramp = np.arange(images.shape[1])[:, None, None]
        return images + ramp

    image = noise(2, 33, 33, 2)
    np.testing.assert_allclose(with_test_time_augmentation(uneven)(image), image + 16, atol=1e-5)


def test_turns_leave_an_even_network_as_it_is():
    image = noise(1, 40, 56, 1)
    np.testing.assert_allclose(
        with_test_time_augmentation(blurred)(image), blurred(image), atol=1e-5
    )


def test_objects_across_seams_are_one_object():
    y, x = np.mgrid[:300, :420]
    centres = [(32, 30), (96, 64), (150, 210), (96, 330), (224, 352), (260, 90)]
    image = np.zeros((300, 420, 1), np.float32)
    for cy, cx in centres:
        image[..., 0] = np.maximum(image[..., 0], 1 - np.hypot(y - cy, x - cx) / 25)
    maps = {"distance": predict_tiled(lambda batch: batch, image, 128, 64)[..., 0]}
    parameters = InstanceParameters(mask_threshold=0.1)
    whole = label_objects(maps, parameters)
    assert whole.max() == len(centres)
    np.testing.assert_array_equal(label_objects(maps, parameters, block=128, margin=32), whole)
