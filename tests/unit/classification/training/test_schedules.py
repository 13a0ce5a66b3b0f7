import typing

import numpy as np
import pytest

from moascope.classification.training.options import Training
from moascope.classification.training.schedules import SCHEDULES, learning_rate
from moascope.core.errors import InputError


def test_the_cosine_schedule_falls_to_zero():
    options = Training(learning_rate=2e-3, schedule="cosine", epochs=10)
    rates = [learning_rate(options, epoch, []) for epoch in (0, 5, 10)]
    np.testing.assert_allclose(rates, [2e-3, 1e-3, 0], atol=1e-12)


def test_the_plateau_schedule_cuts_when_nothing_improves():
    options = Training(learning_rate=2e-3, schedule="plateau", patience=4)
    losses = [3.0, 2.0, 2.1, 2.2, 1.9, 2.0]
    history = [{"loss": 9.0, "val_loss": loss} for loss in losses]
    rates = [learning_rate(options, i, history[:i]) for i in range(7)]
    np.testing.assert_allclose(np.array(rates) / 2e-3, [1, 1, 1, 1, 0.3, 0.3, 0.3])


def test_a_constant_rate_stays():
    options = Training(learning_rate=2e-3, schedule="constant")
    assert [learning_rate(options, epoch, []) for epoch in (0, 5)] == [2e-3, 2e-3]


def test_the_configuration_takes_exactly_these_schedules():
    assert set(typing.get_args(Training.model_fields["schedule"].annotation)) == set(SCHEDULES)


def test_an_unknown_schedule_is_an_error():
    options = Training.model_construct(learning_rate=1e-3, schedule="cosinus")
    with pytest.raises(InputError, match="unknown schedule 'cosinus'; did you mean 'cosine'"):
        learning_rate(options, 0, [])
