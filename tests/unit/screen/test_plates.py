"""Names of plates."""

import os
import subprocess
import sys

import pytest
from screens import HEADER, ROWS

from moascope.core.errors import InputError
from moascope.screen.plates import plate_names


@pytest.mark.parametrize(
    ("content", "delimiter", "message"),
    [
        (None, "auto", "there is no such file; correct the path in the config"),
        (HEADER, "auto", "the sheet has 0 rows below its header"),
        (f"{HEADER}\n{ROWS[0]}".replace(",", ";"), ",", "it looks as if separated by semicolons"),
        (f"{HEADER}\n,A1,1,DMSO,0,,a,b", "auto", "no row names its plate"),
        (f"{HEADER}\nP/1,A1,1,DMSO,0,,a,b", "auto", "plate 'P/1': it becomes a file name"),
        (HEADER.replace("plate", "Plate") + "\nP1", "auto", "did you mean 'Plate'"),
    ],
)
def test_plate_names_say_what_is_wrong_with_the_sheet(screen, content, delimiter, message):
    given_options = screen.options(delimiter=delimiter)
    screen.sheet.unlink()
    if content is not None:
        screen.sheet.write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        plate_names(given_options.input)
    assert str(screen.sheet) in str(caught.value)


def test_a_screen_without_a_sheet_is_refused(screen):
    with pytest.raises(InputError, match=r"input\.sheet: format 'table' needs the path"):
        plate_names(screen.options().input.model_copy(update={"sheet": None}))


def test_plate_names_need_no_pandas(repository):
    code = (
        "import sys, moascope.screen.plates; print('pandas' in sys.modules, 'numpy' in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(repository / "workflow")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split() == ["False", "False"]
