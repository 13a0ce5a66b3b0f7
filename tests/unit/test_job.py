"""What a job says in the terminal and in its log."""

import subprocess
import sys

BEGIN = """
import os, sys
sys.path.insert(0, "{scripts}")
from _job import start
start("job.log")
os.write(2, b"said by a library\\n")
print("said by Python", file=sys.stderr)
from moascope.errors import InputError
"""


def ran(repository, folder, ending):
    code = BEGIN.format(scripts=repository / "workflow/scripts") + ending
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done, (folder / "job.log").read_text()


def said(repository, folder, error):
    done, log = ran(repository, folder, f"raise {error}")
    assert done.returncode == 1
    return done.stderr, log


def test_what_libraries_print_goes_to_the_log_and_not_to_the_terminal(repository, tmp_path):
    terminal, log = said(repository, tmp_path, 'InputError("sheet.csv: line 3 is wrong")')
    assert terminal.split("\n") == ["said by Python", "", "sheet.csv: line 3 is wrong", "", ""]
    assert log.startswith("said by a library\n")
    assert "Traceback" in log
    assert "sheet.csv: line 3 is wrong" in log


def test_file_names_that_are_no_text_are_said_as_well(repository, tmp_path):
    for text in said(repository, tmp_path, r'InputError("a\udcff.png: is no image")'):
        assert r"a\udcff.png: is no image" in text


def test_a_crash_leaves_its_place_in_the_log(repository, tmp_path):
    done, log = ran(repository, tmp_path, "os.abort()")
    assert done.returncode < 0
    assert "Fatal Python error: Aborted" in log


ENDING = """
class Late:
    def __del__(self):
        os.abort()

late = Late()
print("done")
"""


def test_a_job_that_is_done_does_not_fail_when_python_takes_itself_apart(repository, tmp_path):
    done, log = ran(repository, tmp_path, ENDING)
    assert (done.returncode, done.stdout) == (0, "done\n")
    assert log == "said by a library\n"


def test_what_is_no_error_of_the_input_is_said_with_its_traceback(repository, tmp_path):
    terminal, log = said(repository, tmp_path, 'ValueError("a bug")')
    for text in (terminal, log):
        assert "Traceback" in text
        assert "ValueError: a bug" in text
