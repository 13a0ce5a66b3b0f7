"""What stopped a job is found again at the end of its log."""

from moascope.core.errors import InputError
from moascope.pipeline.job_logs import failures_text, read_reason, reason_text


def write(folder, name, error, before="2026-01-01 ERROR root: a traceback\n"):
    path = folder / name
    path.write_text(before + (reason_text(error) if error is not None else ""))
    return str(path)


def test_the_message_of_an_input_error_is_read_whole(tmp_path):
    message = "sheet.csv: 2 problems\n  - line 3: wrong\n  - line 4: wrong"
    assert read_reason(write(tmp_path, "a.log", InputError(message))) == message


def test_other_errors_are_named_with_their_type(tmp_path):
    text = read_reason(write(tmp_path, "a.log", ZeroDivisionError("division by zero")))
    assert text == "ZeroDivisionError: division by zero (see the traceback above)"


def test_the_last_reason_of_a_long_log_counts(tmp_path):
    before = reason_text(InputError("of a first attempt")) + "x" * 300_000 + "\n"
    assert read_reason(write(tmp_path, "a.log", InputError("the last"), before)) == "the last"


def test_a_long_message_is_cut_and_its_lines_counted(tmp_path):
    message = "\n".join(f"line {n}" for n in range(40))
    lines = read_reason(write(tmp_path, "a.log", InputError(message)), lines=3).splitlines()
    assert lines == ["line 0", "line 1", "line 2", "... and 37 more lines"]


def test_a_killed_job_has_no_reason(tmp_path):
    killed = "its log has no reason; it may have been killed"
    assert read_reason(write(tmp_path, "a.log", None)).startswith(killed)
    assert read_reason(tmp_path / "none.log").startswith(killed)


def test_jobs_that_failed_for_one_reason_are_counted(tmp_path):
    failed = [
        ("ingest", write(tmp_path, f"{n}.log", InputError(f"disk {n % 2} is full")))
        for n in range(4)
    ]
    text = failures_text(failed)
    assert text.startswith("4 jobs failed.\n\n")
    assert f"ingest (log: {tmp_path}/0.log) and 1 more:\ndisk 0 is full" in text
    assert f"ingest (log: {tmp_path}/1.log) and 1 more:\ndisk 1 is full" in text


def test_reasons_beyond_the_first_ones_are_counted(tmp_path):
    failed = [("a", write(tmp_path, f"{n}.log", InputError(f"reason {n}"))) for n in range(9)]
    text = failures_text(failed, jobs=2)
    assert "reason 1" in text
    assert "reason 2" not in text
    assert text.endswith("... and 7 more reasons")
    assert failures_text(failed[:1]).startswith("1 job failed.")
