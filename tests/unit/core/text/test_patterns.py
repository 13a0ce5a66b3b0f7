"""Regular expressions of the user."""

import re
import signal
import threading
import time

import pytest

from moascope.core.errors import InputError
from moascope.core.text.patterns import OutOfTimeError, compile_pattern, limit_time
from moascope.screen import site_table
from moascope.screen.formats import image_folders

# Each of the 2^40 ways to divide the letters is tried.
ENDLESS = r"(?P<plate>(a+)+)_(?P<well>\w+)_(?P<channel>\w+)\.tif"
NAME = "a" * 40 + ".tif"


def test_a_pattern_that_does_not_come_to_an_end_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(image_folders, "_MATCHING_SECONDS", 0.2)
    (tmp_path / NAME).touch()
    start = time.monotonic()
    with pytest.raises(InputError) as caught:
        image_folders.find_images(str(tmp_path), re.compile(ENDLESS), "without a match")
    assert time.monotonic() - start < 60
    message = str(caught.value)
    assert message.startswith("input.pattern: matching '(?P<plate>(a+)+)_")
    assert f"against '{NAME}' was stopped, since it takes too long" in message
    assert "avoid repeats within repeats" in message


def test_an_honest_pattern_has_time_for_many_files(tmp_path):
    honest = re.compile(r"(?P<plate>[^_]+)_(?P<well>[^_]+)_(?P<channel>[^_.]+)\.tif")
    names = [f"P{number}_A01_d.tif" for number in range(20_000)]
    found, other = image_folders._match(honest, [*names, "x.png"])
    assert len(found) == 20_000
    assert other == ["x.png"]


def test_a_slow_pattern_for_batches_is_stopped(monkeypatch):
    monkeypatch.setattr(site_table, "_SEARCHING_SECONDS", 0.2)
    import pandas as pd

    from moascope.screen.problems import Problems
    from moascope.screen.read_rows import SampleRows

    table = pd.DataFrame({"plate": ["a" * 40 + "!"], "batch": [""], "place": ["line 2"]})
    problems = Problems()
    site_table._batches(
        SampleRows(table, {"plate": "plate"}, table["plate"] == ""), "^(a+)+$", problems
    )
    (sentence,) = problems.sentences
    assert sentence.startswith("input.batch_from_plate: matching '^(a+)+$' against 'aaaa")


def test_a_batch_that_is_blank_is_not_found():
    import pandas as pd

    from moascope.screen.problems import Problems
    from moascope.screen.read_rows import SampleRows

    table = pd.DataFrame({"plate": ["P1"], "batch": [""], "place": ["line 2"]})
    problems = Problems()
    site_table._batches(
        SampleRows(table, {"plate": "plate"}, table["plate"] == ""), "P(x)?", problems
    )
    (sentence,) = problems.sentences
    assert "input.batch_from_plate 'P(x)?' finds no batch in 'P1'" in sentence


def test_the_limit_leaves_no_trace():
    before = signal.getsignal(signal.SIGVTALRM)
    with limit_time(100):
        pass
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)
    with pytest.raises(OutOfTimeError), limit_time(0.05):
        re.fullmatch("(a+)+", NAME)
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)
    assert signal.getsignal(signal.SIGVTALRM) is before


def test_outside_of_the_main_thread_there_is_no_limit():
    done = []

    def work():
        with limit_time(0.001):
            done.append(sum(range(100_000)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done


@pytest.mark.parametrize(
    "text", ["(", "a{99999999999}", "(?P<a>x)(?P<a>y)", "(" * 5000 + ")" * 5000, "\\", "[z-a]"]
)
def test_what_python_cannot_compile_is_named(text):
    with pytest.raises(InputError, match=r"input\.pattern: '.* is not a regular expression"):
        compile_pattern(text, "input.pattern")
