import keras
import numpy as np
import pytest

from moascope.networks import transforms


def images(n=2, size=64, channels=3, seed=0):
    return np.random.default_rng(seed).random((n, size, size, channels), dtype="float32")


@pytest.mark.parametrize("name", ["Xception", "MobileNetV3Small", "ResNet50"])
def test_folding_holds_for_networks_of_keras_applications(name):
    keras.utils.set_random_seed(1)
    network = getattr(keras.applications, name)(
        include_top=False, weights=None, input_shape=(96, 96, 3)
    )
    rng = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([w + rng.uniform(0, 0.2, w.shape) for w in layer.get_weights()])
    x = images(size=96) * 2 - 1
    expected = network.predict_on_batch(x)
    folded = transforms.fold_normalization(network).predict_on_batch(x)
    np.testing.assert_allclose(folded, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())
