import csv
import logging
import math

import keras
import numpy as np
import pytest

from moascope.core.errors import InputError
from moascope.networks.training import loop, progress

RNG = np.random.default_rng(0)
UNITS = RNG.random((12, 4)).astype("float32")
TARGETS = RNG.random((12, 2)).astype("float32")


class Line(loop.Course):
    """Three steps per period over the same units."""

    learning_rate = 0.1

    def __init__(self, learner, periods=4, averages=False, rate=0.1, units=UNITS):
        self.learner, self.periods, self.rate, self.units = learner, periods, rate, units
        self.averages_weights = averages
        self.validated = []

    def prepare(self, history):
        if not self.learner.compiled:
            optimizer = keras.optimizers.Adam(self.rate, use_ema=self.averages_weights)
            self.learner.compile(optimizer, "mse")
            self.learner.optimizer.build(self.learner.trainable_variables)

    def batches(self, history):
        order = np.random.default_rng(len(history)).permutation(12).reshape(3, 4)
        for rows in order:
            yield loop.Batch(self.rate, self.units[rows], TARGETS[rows])

    def name_step(self, history, number):
        return f"period {len(history) + 1}, step {number + 1}"

    def share(self, history, n_steps):
        return (len(history) + n_steps / 3) / self.periods

    def complete(self, history, row):
        self.validated.append(self.learner.get_weights())
        return {**row, "score": -abs(len(history) - 1.0)}

    def is_best(self, history):
        return history[-1]["score"] == max(row["score"] for row in history)

    def is_over(self, history):
        return len(history) >= self.periods

    def log(self, history, progress):
        logging.getLogger("line").info("period %d: %s", len(history), progress)


def build():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [keras.Input((4,)), keras.layers.Dropout(0.3), keras.layers.Dense(2, name="out")]
    )


def fit(periods=4, averages=False, rate=0.1, units=UNITS, **options):
    model = build()
    course = Line(model, periods, averages, rate, units)
    history = loop.train(model, model, course, **options)
    return model, history, course


def assert_same_weights(first, second):
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("averages", [False, True])
def test_a_repeated_training_is_the_same_in_every_bit(averages):
    first, again = fit(averages=averages), fit(averages=averages)
    assert_same_weights(first[0].get_weights(), again[0].get_weights())
    assert first[1] == again[1]


@pytest.mark.parametrize("averages", [False, True])
def test_a_resumed_training_is_the_same_in_every_bit(tmp_path, averages):
    whole = fit(averages=averages)

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    options = {"checkpoint": tmp_path / "c.npz", "task": "t", "averages": averages}
    with pytest.raises(KeyboardInterrupt):
        fit(callbacks=[Stop()], **options)
    resumed = fit(**options)
    assert len(resumed[2].validated) == 2  # the other two periods were not trained again
    assert_same_weights(resumed[0].get_weights(), whole[0].get_weights())
    assert resumed[1] == whole[1]


def test_the_weights_of_the_best_period_are_kept():
    model, _, course = fit()
    assert_same_weights(model.get_weights(), course.validated[1])


def test_running_means_are_validated_and_training_goes_on_without_them():
    plain, averaged = fit(periods=1)[2], fit(periods=1, averages=True)[2]
    assert (plain.validated[0][0] != averaged.validated[0][0]).any()
    losses = [fit(averages=averages)[1][-1]["loss"] for averages in (False, True)]
    assert losses[0] == losses[1]


def test_callbacks_are_called_as_by_fit(tmp_path):
    calls = []

    class Note(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            calls.append(("begin", self.model.name))

        def on_epoch_begin(self, epoch, logs=None):
            calls.append(("epoch", epoch))

        def on_train_batch_end(self, batch, logs=None):
            calls.append(("batch", batch, "loss" in logs))

        def on_epoch_end(self, epoch, logs=None):
            calls.append(("ended", epoch, "score" in logs))

        def on_train_end(self, logs=None):
            calls.append(("end",))

    csv_logger = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    model, history, _ = fit(periods=2, callbacks=[Note(), csv_logger])
    of_epoch = [
        [("epoch", i), *(("batch", step, True) for step in range(3)), ("ended", i, True)]
        for i in range(2)
    ]
    assert calls == [("begin", model.name), *of_epoch[0], *of_epoch[1], ("end",)]
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == [row["loss"] for row in history]


def test_a_callback_may_stop_the_training():
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    assert len(fit(callbacks=[Stop()])[1]) == 1


def test_a_loss_that_is_nan_stops_with_batch_and_rate():
    message = (
        r"the loss is (nan|inf) in period 1, step [23] at the rate 1e\+30, so it has diverged\. "
        r"Lower learning_rate \(now 0\.1\), or switch mixed_precision off"
    )
    with pytest.raises(InputError, match=message):
        fit(rate=1e30)


def test_units_that_are_nan_are_named_instead_of_the_rate():
    broken = UNITS.copy()
    broken[5, 2] = math.nan
    message = r"1 of the 4 images in period 1, step [123] hold NaN or infinite values"
    with pytest.raises(InputError, match=message):
        fit(units=broken)


def test_the_log_tells_speed_and_remaining_time(monkeypatch, caplog):
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0.0)
    with caplog.at_level(logging.INFO):
        fit(periods=2)
    lines = [record.getMessage() for record in caplog.records]
    (within,) = [line for line in lines if line.startswith("period 2, step 2: ")]
    assert "images/s" in within
    assert within.endswith(" left)")
    assert any(line.startswith("period 1: ") and line.endswith(" left") for line in lines)
