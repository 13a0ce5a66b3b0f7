import math

import keras
import numpy as np
import pytest

from moascope.core.errors import InputError
from moascope.networks.training.schedules import (
    SCHEDULES,
    ExponentialOptions,
    NoOptions,
    PlateauOptions,
    StepOptions,
    compute_rate,
)

EPOCHS = np.arange(0, 10, 0.25)


def rates(schedule, options, warm_up=0.0, history=(), epochs=EPOCHS):
    return [compute_rate(schedule, options, 2e-3, warm_up, epoch, 10, history) for epoch in epochs]


def of_keras(schedule, epochs=EPOCHS):
    """Rates of a schedule of Keras that counts in hundredths of an epoch."""
    return [float(schedule(100 * epoch)) for epoch in epochs]


def test_the_cosine_with_warm_up_is_that_of_keras():
    expected = keras.optimizers.schedules.CosineDecay(
        2e-5, decay_steps=800, warmup_target=2e-3, warmup_steps=200
    )
    np.testing.assert_allclose(rates("cosine", NoOptions(), 0.2), of_keras(expected), rtol=1e-4)


@pytest.mark.parametrize(
    ("schedule", "options", "steps", "factor", "is_staircase"),
    [
        ("exponential", ExponentialOptions(decay=0.7), 100, 0.7, False),
        ("step", StepOptions(step_epochs=3, step_factor=0.2), 300, 0.2, True),
    ],
)
def test_rates_that_fall_are_those_of_keras(schedule, options, steps, factor, is_staircase):
    expected = keras.optimizers.schedules.ExponentialDecay(2e-3, steps, factor, is_staircase)
    np.testing.assert_allclose(rates(schedule, options), of_keras(expected), rtol=1e-5)


def test_the_plateau_cuts_when_that_of_keras_does():
    losses = [3.0, 2.0, 2.1, 2.2, 1.9, 2.0, 2.0, 1.95, 1.7]
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(2e-3))
    callback = keras.callbacks.ReduceLROnPlateau(factor=0.3, patience=2, min_delta=0)
    callback.set_model(model)
    callback.on_train_begin()
    expected, computed = [], []
    for epoch, loss in enumerate(losses):
        callback.on_epoch_end(epoch, {"val_loss": loss})
        expected.append(float(model.optimizer.learning_rate))
        history = [{"loss": 9.0, "val_loss": each} for each in losses[: epoch + 1]]
        options = PlateauOptions(plateau_factor=0.3, plateau_epochs=2)
        computed += rates("plateau", options, history=history, epochs=[epoch + 1])
    np.testing.assert_allclose(computed, expected, rtol=1e-6)
    assert computed[0] > computed[-1]


def test_one_cycle_rises_and_falls_along_a_cosine():
    epochs = np.linspace(0, 10, 101)
    values = np.array(rates("one-cycle", NoOptions(), 0.3, epochs=epochs))
    assert values[0] == pytest.approx(2e-3 / 25)
    assert values.argmax() == 30
    assert values.max() == pytest.approx(2e-3)
    assert values[-1] == pytest.approx(2e-7)
    assert (np.diff(values[:31]) > 0).all()
    assert (np.diff(values[30:]) < 0).all()


def test_a_constant_rate_stays():
    assert rates("constant", NoOptions()) == [2e-3] * len(EPOCHS)


def test_every_schedule_has_a_rate_at_all_times():
    for schedule in SCHEDULES.known:
        for value in rates(schedule.name, schedule.options(), schedule.warm_up):
            assert math.isfinite(value)
            assert value > 0


def test_an_unknown_schedule_is_an_error():
    with pytest.raises(InputError, match="unknown schedule 'cosinus'; did you mean 'cosine'"):
        rates("cosinus", NoOptions())
