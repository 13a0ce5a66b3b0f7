import keras
import numpy as np
import pytest

from moascope.networks.training.optimizers import AdamOptions, Limits, SgdOptions, build_optimizer


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    layers = [keras.Input((3,)), keras.layers.Dense(3, name="low"), keras.layers.Dense(1)]
    return keras.Sequential(layers)


def train(model, optimizer, n=1):
    model.compile(optimizer, "mse")
    before = model.get_weights()
    for _ in range(n):
        model.optimizer.learning_rate = 0.1
        model.train_on_batch(np.ones((4, 3), "float32"), np.ones((4, 1), "float32"))
    return [after - first for after, first in zip(model.get_weights(), before, strict=True)]


def factors_of(model, factor):
    return {variable.path: factor for variable in model.get_layer("low").variables}


def test_layers_with_a_factor_take_smaller_steps(model):
    factors, weights = factors_of(model, 0.25), model.get_weights()
    whole = train(model, build_optimizer("sgd", SgdOptions(), 1.0, Limits()))
    model.set_weights(weights)
    steps = train(model, build_optimizer("sgd", SgdOptions(), 1.0, Limits(), factors))
    np.testing.assert_allclose(steps[0], 0.25 * whole[0], rtol=1e-5)
    np.testing.assert_allclose(steps[2], whole[2], rtol=1e-5)


def test_running_means_work_with_rates_of_layers(model):
    optimizer = build_optimizer("adam", AdamOptions(), 1.0, Limits(ema=0.5), factors_of(model, 0.1))
    train(model, optimizer, n=3)
    own = model.get_weights()
    optimizer.finalize_variable_values(model.trainable_variables)
    assert all((a != b).any() for a, b in zip(model.get_weights(), own, strict=True))
