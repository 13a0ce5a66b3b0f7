"""Messages, logs and exit codes of jobs, each a process of its own."""

import signal
import subprocess
import sys

import pytest

BEGIN = """
import atexit, multiprocessing, os, sys, threading, time, types
atexit.register(lambda: print("handler of before"))
sys.path.insert(0, "{scripts}")
from moascope.pipeline.job import start
start("job.log")
os.write(2, b"printed by a library\\n")
print("printed by Python", file=sys.stderr)
from moascope.core.errors import InputError
"""

TENSORFLOW = 'sys.modules["tensorflow"] = types.ModuleType("tensorflow")\n'
"""A stand-in: loading the real one takes seconds, and its threads abort by chance."""

either = pytest.mark.parametrize("loads", ["", TENSORFLOW], ids=["python", "tensorflow"])
"""Python ends by itself; after TensorFlow, the job leaves at once."""


def run(repository, folder, code):
    """Run a script that starts a job; return its process and its log."""
    begin = BEGIN.format(scripts=repository / "workflow")
    command = [sys.executable, "-c", begin + code]
    process = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    return process, (folder / "job.log").read_text()


def messages(repository, folder, error):
    """Return what a failed job writes to the terminal and to its log."""
    process, log = run(repository, folder, f"raise {error}")
    assert process.returncode == 1
    return process.stderr, log


def test_what_libraries_print_goes_to_the_log_and_not_to_the_terminal(repository, tmp_path):
    terminal, log = messages(repository, tmp_path, 'InputError("sheet.csv: line 3 is wrong")')
    assert terminal.split("\n") == ["printed by Python", "", "sheet.csv: line 3 is wrong", "", ""]
    assert log.startswith("printed by a library\n")
    assert "Traceback" in log
    assert "sheet.csv: line 3 is wrong" in log


def test_file_names_that_are_no_text_are_printed(repository, tmp_path):
    for text in messages(repository, tmp_path, r'InputError("a\udcff.png: is no image")'):
        assert r"a\xff.png: is no image" in text


def test_errors_besides_those_of_the_input_are_printed_with_their_traceback(repository, tmp_path):
    for text in messages(repository, tmp_path, 'ValueError("a bug")'):
        assert "Traceback" in text
        assert "ValueError: a bug" in text


def test_a_crash_leaves_its_place_in_the_log(repository, tmp_path):
    process, log = run(repository, tmp_path, "os.abort()")
    assert process.returncode == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in log


CODES = {
    "pass": 0,
    "sys.exit(3)": 3,
    "raise SystemExit(4)": 4,
    'sys.exit("a text")': 1,
    "sys.exit(None)": 0,
    "sys.exit(0)": 0,
    "(lambda: sys.exit(5))()": 5,
    "try:\n    raise ValueError\nfinally:\n    sys.exit(6)": 6,
    "try:\n    sys.exit(7)\nexcept SystemExit:\n    pass": 0,
    'raise ValueError("a bug")': 1,
    'raise InputError("sheet.csv: line 3 is wrong")': 1,
    "try:\n    int('x')\nexcept ValueError:\n    sys.excepthook(*sys.exc_info())": 0,
    "sys.excepthook(ValueError, ValueError('of a thread'), None)\nsys.exit(8)": 8,
    "raise KeyboardInterrupt": -signal.SIGINT,
    "os.kill(os.getpid(), 2)\ntime.sleep(9)": -signal.SIGINT,
    "os.kill(os.getpid(), 15)": -signal.SIGTERM,
    "threading.Thread(target=lambda: 1 / 0).start()": 0,
}


@either
@pytest.mark.parametrize("code", CODES)
def test_the_exit_code_is_that_of_python(repository, tmp_path, loads, code):
    process, _ = run(repository, tmp_path, loads + code)
    assert process.returncode == CODES[code]


@either
def test_the_text_of_an_exit_is_printed(repository, tmp_path, loads):
    process, _ = run(repository, tmp_path, loads + 'sys.exit("a text")')
    assert process.stderr.endswith("a text\n")


OPEN_FILES = """
text = open("text", "w")
text.write("written")
binary = open("binary", "wb")
binary.write(b"written")
both = open("both", "w+b")
both.write(b"written")
in_memory, closed = io.TextIOWrapper(io.BytesIO()), open("closed", "w")
closed.close()
"""


@either
@pytest.mark.parametrize("ending", ["", 'raise ValueError("a bug")', "sys.exit(3)"])
def test_open_files_are_written(repository, tmp_path, loads, ending):
    run(repository, tmp_path, loads + OPEN_FILES + ending)
    for name in ("text", "binary", "both"):
        assert (tmp_path / name).read_text() == "written"


FULL_PIPE = """
reading, writing = os.pipe()
full = os.fdopen(writing, "wb", buffering=2**20)
full.write(bytes(2**18))  # more than a pipe holds, so that flushing it waits for a reader
"""


def test_a_full_pipe_does_not_hold_up_a_finished_job(repository, tmp_path):
    process, _ = run(repository, tmp_path, TENSORFLOW + FULL_PIPE)
    assert process.returncode == 0


HANDLERS = """
def fail():
    raise ValueError("a handler fails")

atexit.register(lambda: print("handler of after"))
atexit.register(fail)
"""


@either
def test_exit_handlers_of_others_run(repository, tmp_path, loads):
    process, _ = run(repository, tmp_path, loads + HANDLERS)
    assert process.stdout == "handler of after\nhandler of before\n"
    assert "a handler fails" in process.stderr
    assert process.returncode == 0


LATE = """
class Late:
    def __del__(self):
        os.write(1, b"taken apart\\n")
        os.abort()

late = Late()
"""


def test_a_finished_job_leaves_before_python_takes_tensorflow_apart(repository, tmp_path):
    process, log = run(repository, tmp_path, TENSORFLOW + LATE)
    assert (process.returncode, process.stdout) == (0, "handler of before\n")
    assert log == "printed by a library\n"


def test_a_failed_job_leaves_before_python_takes_tensorflow_apart(repository, tmp_path):
    process, log = run(repository, tmp_path, TENSORFLOW + LATE + 'raise InputError("a key")')
    assert process.returncode == 1
    assert "Fatal Python error" not in log


def test_a_job_without_tensorflow_ends_as_python_does(repository, tmp_path):
    process, _ = run(repository, tmp_path, LATE)
    assert process.stdout == "handler of before\ntaken apart\n"
    assert process.returncode == -signal.SIGABRT


THREADS = """
def wait():
    time.sleep(0.3)
    print("thread is done")

threading.Thread(target=wait).start()
threading.Thread(target=time.sleep, args=(50,), daemon=True).start()
"""


@either
def test_threads_are_waited_for_unless_they_are_daemons(repository, tmp_path, loads):
    process, _ = run(repository, tmp_path, loads + THREADS)
    assert process.stdout == "thread is done\nhandler of before\n"
    assert process.returncode == 0


CHILDREN = """
def child():
    time.sleep(0.3)
    open("child.txt", "w").write("done")

context = multiprocessing.get_context("fork")
child = context.Process(target=child)
child.start()
context.Process(target=time.sleep, args=(50,), daemon=True).start()
"""


@either
def test_child_processes_are_waited_for_unless_they_are_daemons(repository, tmp_path, loads):
    process, _ = run(repository, tmp_path, loads + CHILDREN)
    assert process.returncode == 0
    assert (tmp_path / "child.txt").read_text() == "done"


def test_the_log_ends_with_what_stopped_the_job(repository, tmp_path):
    _, log = messages(repository, tmp_path, 'InputError("sheet.csv: line 3 is wrong")')
    assert log.endswith("--- why this job stopped ---\nsheet.csv: line 3 is wrong\n")
    _, log = messages(repository, tmp_path, 'ValueError("a bug")')
    assert log.endswith("ValueError: a bug (see the traceback above)\n")
