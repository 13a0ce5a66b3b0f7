"""Errors that users see."""

import pickle

from hypothesis import given
from hypothesis import strategies as st

from moascope.core.errors import ImageError, InputError


@given(st.text())
def test_a_message_can_always_be_written_to_a_terminal(text):
    message = str(InputError(text))
    assert not any(character < " " and character not in "\n\t" for character in message)
    message.encode("utf-8")
    assert str(InputError(message)) == message


def test_an_error_survives_the_way_between_processes():
    copy = pickle.loads(pickle.dumps(ImageError("a\x1b.tif: damaged")))
    assert type(copy) is ImageError
    assert str(copy) == r"a\x1b.tif: damaged"


def test_a_line_break_in_a_name_makes_no_problem_of_its_own():
    error = InputError.collect(["a\n  - sheet.csv: all is well", "b"], "sheet.csv")
    assert str(error).split("\n") == [
        "sheet.csv: 2 problems",
        "  - a",
        "      - sheet.csv: all is well",
        "  - b",
    ]
