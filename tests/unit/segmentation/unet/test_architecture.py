import keras
import numpy as np
import pytest
from scipy.special import softmax

from moascope.core.errors import InputError
from moascope.networks import backbones, transforms
from moascope.networks.registry import ChannelMapping
from moascope.segmentation.engines.options.unet import Network
from moascope.segmentation.instances import as_maps, foreground, height
from moascope.segmentation.unet import architecture

TINY = Network(encoder="none", depth=2, filters=4)


def maps(network, size=(32, 64), channels=1):
    images = np.random.default_rng(0).random((2, *size, channels)).astype("float32")
    return network.predict_on_batch(images)


@pytest.mark.parametrize(("outputs", "k"), [("classes", 3), ("distance", 1), ("both", 4)])
def test_a_network_gives_one_value_per_pixel_and_map(outputs, k):
    network = architecture.build(TINY.model_copy(update={"outputs": outputs}), ["DNA"])
    assert maps(network).shape == (2, 32, 64, k)


@pytest.mark.parametrize("normalization", ["batch", "group", "none"])
@pytest.mark.parametrize("n_channels", [1, 3])
def test_any_number_of_channels_and_every_normalization(normalization, n_channels):
    options = Network(encoder="none", depth=1, filters=4, normalization=normalization, dropout=0.5)
    network = architecture.build(options, "abc"[:n_channels])
    assert maps(network, channels=n_channels).shape == (2, 32, 64, 4)
    kinds = {type(layer).__name__ for layer in network.layers}
    assert ("BatchNormalization" in kinds) == (normalization == "batch")
    assert ("GroupNormalization" in kinds) == (normalization == "group")


@pytest.mark.parametrize("channels", [["DNA"], ["DNA", "Actin"]])
def test_the_pretrained_encoder_is_that_of_imagenet(channels):
    options = Network(depth=3, filters=4)
    network = architecture.build(options, channels)
    assert maps(network, channels=len(channels)).shape == (2, 32, 64, 4)
    image = np.random.default_rng(0).random((1, 64, 64, len(channels))).astype("float32")
    mapping = ChannelMapping("inflate")
    whole = backbones.build(
        "efficientnet-lite0", "imagenet", None, channels, mapping, ["block4_add"], pooling=None
    )
    scaled = whole.layers[1](image)
    np.testing.assert_allclose(
        network.get_layer("encoder")(scaled)[-1], whole(image), rtol=1e-3, atol=1e-3
    )


def test_coarser_heads_are_for_training_only():
    options = Network(encoder="none", depth=2, filters=4, deep_supervision=True)
    network = architecture.build(options, ["DNA"])
    everything = maps(network)
    assert everything.shape[-1] == 8
    np.testing.assert_allclose(maps(architecture.core(network)), everything[..., :4], rtol=1e-5)


def test_binning_shows_the_network_means_of_squares_and_enlarges_its_maps():
    fine, coarse = (
        Network(encoder="none", depth=2, filters=4, binning=binning) for binning in (1, 2)
    )
    network, binned = (architecture.build(options, ["DNA"]) for options in (fine, coarse))
    binned.set_weights(network.get_weights())
    images = np.random.default_rng(0).random((2, 32, 64, 1)).astype("float32")
    means = images.reshape(2, 16, 2, 32, 2, 1).mean(axis=(2, 4))
    np.testing.assert_allclose(binned(images), network(means), rtol=1e-4, atol=1e-5)
    whole, small = np.array(architecture.core(binned, 2)(images)), np.array(network(means))
    # Two thirds of the nearest pixel and a third of the next one, along each axis.
    corner = (4 * small[:, 3, 5] + 2 * small[:, 3, 6] + 2 * small[:, 4, 5] + small[:, 4, 6]) / 9
    np.testing.assert_allclose(whole[:, 7, 11], corner, rtol=1e-4, atol=1e-5)
    rim = (2 * small[:, 0, 5] + small[:, 0, 6]) / 3
    np.testing.assert_allclose(whole[:, 0, 11], rim, rtol=1e-4, atol=1e-5)
    assert (architecture.multiple(fine), architecture.multiple(coarse)) == (4, 8)


def test_a_network_that_bins_takes_images_of_any_size():
    network = architecture.build(Network(encoder="none", depth=1, filters=4, binning=4), ["DNA"])
    predict = architecture.predictor(architecture.core(network, 4))
    for size in ((8, 8), (16, 24), (40, 8), (32, 64)):
        assert predict(np.zeros((1, *size, 1), np.float32)).shape == (1, *size, 2)


def test_coarser_heads_of_a_network_that_bins_fit_its_maps():
    options = Network(encoder="none", depth=2, filters=4, deep_supervision=True, binning=2)
    network = architecture.build(options, ["DNA"])
    assert maps(network).shape == (2, 16, 32, 8)
    assert maps(transforms.fold_normalization(architecture.core(network, 2))).shape == (
        2,
        32,
        64,
        4,
    )


def test_folding_changes_nothing(tmp_path):
    network = architecture.build(Network(depth=2, filters=4), ["DNA"])
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(layer.moving_mean + 0.1)
    folded = transforms.fold_normalization(architecture.core(network))
    np.testing.assert_allclose(maps(folded), maps(network), rtol=1e-3, atol=1e-3)
    folded.save(tmp_path / "unet.keras")
    again = keras.models.load_model(tmp_path / "unet.keras", compile=False)
    np.testing.assert_allclose(maps(again), maps(folded), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("outputs", ["classes", "distance", "both"])
def test_the_predictor_gives_what_objects_are_cut_out_by(outputs):
    network = architecture.build(TINY.model_copy(update={"outputs": outputs}), ["DNA"])
    images = np.random.default_rng(0).random((2, 32, 32, 1)).astype("float32")
    predicted = architecture.predictor(network)(images)
    assert predicted.dtype == np.float32
    whole = np.array(network.predict_on_batch(images))
    if outputs != "distance":
        whole[..., :3] = softmax(whole[..., :3], axis=-1)
    for found, expected in zip(predicted, map(as_maps, whole), strict=True):
        np.testing.assert_allclose(found[..., 0], foreground(expected), atol=1e-6)
        np.testing.assert_allclose(found[..., 1], height(expected), atol=1e-6)


def test_bad_options_are_named_all_at_once():
    with pytest.raises(InputError) as caught:
        architecture.build(Network(depth=6), [])
    for key in ("depth", "channels"):
        assert f"{key}: " in str(caught.value)
