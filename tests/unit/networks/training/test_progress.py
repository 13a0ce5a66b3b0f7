import pytest

from moascope.networks.training import progress as training_progress
from moascope.networks.training.progress import Progress, duration


@pytest.fixture
def clock(monkeypatch):
    """The time in seconds, which tests set."""
    now = [100.0]
    monkeypatch.setattr(training_progress.time, "monotonic", lambda: now[0])
    return now


def test_speed_and_remaining_time_are_those_of_the_training_so_far(clock):
    progress = Progress("images", 0.0)
    for _ in range(4):
        clock[0] += 5
        progress.count(10)
    assert progress.describe(0.1) == "2 images/s, 3 min left"


def test_what_was_done_before_a_stop_does_not_count_for_the_remaining_time(clock):
    progress = Progress("units", 0.5)
    clock[0] += 40
    progress.count(8000)
    assert progress.describe(0.75) == "200 units/s, 40 s left"


def test_a_line_is_due_every_minute(clock):
    progress = Progress("images", 0.0)
    due = []
    for _ in range(5):
        clock[0] += 25
        progress.count(1)
        due.append(progress.is_due())
    assert due == [False, False, True, False, False]


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (89, "89 s"), (600, "10 min"), (9000, "2.5 h")]
)
def test_durations_are_given_in_one_unit(seconds, words):
    assert duration(seconds) == words
