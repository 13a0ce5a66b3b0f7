import logging
import math

import pandas as pd
import pytest

from moascope.segmentation.engines.options.training import NetworkTraining
from moascope.segmentation.schedule import log_stop, rate_of, stop_warnings, stopped_by


def rows(*scores, step=100, minutes=1.0):
    return [
        {"step": step * (i + 1), "loss": 1.0, "mean_ap": score, "minutes": minutes * (i + 1)}
        for i, score in enumerate(scores)
    ]


def test_the_learning_rate_is_a_function_of_the_step_alone():
    slow, fast = (NetworkTraining(steps=50, max_minutes=limit) for limit in (0.001, None))
    assert [rate_of(slow, step) for step in range(50)] == [
        rate_of(fast, step) for step in range(50)
    ]


@pytest.mark.parametrize(
    ("scores", "options", "reason"),
    [
        ([0.1], {"steps": 200}, None),
        ([0.1, 0.2], {"steps": 200}, "steps"),
        ([0.1, 0.2], {"steps": 200, "max_minutes": 2}, "steps"),
        ([0.1, 0.2], {"steps": 6000, "max_minutes": 2}, "max_minutes"),
        ([0.1, 0.2], {"steps": 6000, "max_minutes": 2.1}, None),
        ([0.3, 0.2, 0.1], {"steps": 6000, "patience": 2}, "patience"),
        ([0.3, 0.2, 0.1], {"steps": 6000, "patience": 2, "max_minutes": 3}, "patience"),
        ([0.3, 0.2, 0.4], {"steps": 6000, "patience": 2}, None),
        ([math.nan] * 3, {"steps": 6000, "patience": 1}, None),
    ],
)
def test_a_training_ends_by_steps_patience_or_time(scores, options, reason):
    assert stopped_by(rows(*scores), NetworkTraining(**options)) == reason


def test_nothing_ends_a_training_that_has_not_begun():
    assert stopped_by([], NetworkTraining(steps=1, max_minutes=1)) is None


def test_a_training_that_time_ends_says_so_in_the_log(caplog):
    training = NetworkTraining(steps=6000, max_minutes=38)
    log_stop(rows(0.5, step=258, minutes=38.1), training)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.message.startswith(
        "training stopped at max_minutes (38) after 258 of 6,000 steps, while the learning rate "
        "was still high."
    )
    assert "Raise training.max_minutes, or lower training.steps" in record.message


def test_a_training_that_steps_end_has_no_warning(caplog):
    training = NetworkTraining(steps=100, max_minutes=38)
    log_stop(rows(0.5), training)
    assert not caplog.records
    assert stop_warnings("unet", pd.DataFrame(rows(0.5)), training) == []


def test_the_summary_warns_of_every_network_that_time_ended():
    training = NetworkTraining(steps=300, max_minutes=2)
    parts = [rows(0.1, 0.2), rows(0.1, 0.2, 0.3, minutes=0.5), rows(0.1, minutes=2)]
    history = pd.concat([pd.DataFrame(part).assign(member=i) for i, part in enumerate(parts)])
    (warning,) = stop_warnings("unet", history, training)
    assert warning["id"] == "training-cut-short"
    assert warning["about"] == "unet"
    assert warning["text"].startswith(
        "The training stopped at max_minutes (2) after 200 and 100 of 300 steps,"
    )
