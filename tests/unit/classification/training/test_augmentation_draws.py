import keras
import numpy as np
import pytest

from moascope.classification.training import augmentation
from moascope.classification.training.augmentation_draws import RandAugment
from moascope.classification.training.augmentation_methods import AUGMENTATIONS, find_method
from moascope.classification.training.options import Augmentation


class Add(keras.layers.Layer):
    """Adds a number, so that the methods which were drawn can be told from the sum."""

    def __init__(self, number):
        super().__init__()
        self.number = number

    def call(self, inputs, training=False):
        return inputs + self.number if training else inputs


@pytest.mark.parametrize("n", [1, 2, 4])
def test_each_unit_is_changed_by_n_of_the_methods(n):
    layer = RandAugment([[Add(2.0**-k)] for k in range(2, 6)], n, seed=1)
    sums = np.asarray(layer(np.zeros((300, 2, 2, 1), "float32"), training=True))
    assert (sums == sums[:, :1, :1]).all()
    bits = (sums[:, 0, 0, 0] * 32).astype(int)[:, None] >> np.arange(4) & 1
    assert (bits.sum(axis=1) == n).all()
    np.testing.assert_allclose(bits.mean(axis=0), n / 4, atol=0.1)


def test_magnitude_zero_leaves_methods_without_strength():
    x = np.random.default_rng(0).random((4, 16, 16, 3), dtype="float32")
    entry = {"name": "rand_augment", "magnitude": 0, "methods": ["zoom", "lens", "noise"]}
    layers = augmentation.build([Augmentation(**entry)], 1)
    np.testing.assert_allclose(np.asarray(augmentation.apply(layers, x)), x, atol=1e-5)


def test_magnitude_scales_the_default_within_its_range():
    assert find_method("zoom").scale(2)["fraction"] == pytest.approx(0.2)
    assert find_method("rotation").scale(3)["degrees"] == 180
    assert find_method("blur").scale(0)["sigma"] == pytest.approx(0.1)
    assert find_method("blur").scale(1)["probability"] == 1


def test_all_methods_with_a_strength_can_be_drawn():
    names = {method.name for method in AUGMENTATIONS if method.strength}
    assert names == set(Augmentation(name="rand_augment").values()["methods"])
