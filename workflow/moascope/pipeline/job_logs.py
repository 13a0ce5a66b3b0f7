"""The end of a job's log: why the job stopped, for whoever reports on the whole run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from moascope.core.errors import InputError

_HEADING = "--- why this job stopped ---"
_MAX_BYTES = 100_000  # at the end of a log, in which the reason is looked for
_UNKNOWN = (
    "its log has no reason; it may have been killed, for example by a limit of memory or time"
)


def reason_text(error: BaseException) -> str:
    """Return the last entry of the log of a job that an error stopped.

    Parameters
    ----------
    error : exception
        What stopped it.

    Returns
    -------
    str
        A heading, and the message below it.
    """
    is_ours = isinstance(error, InputError)
    text = str(error) if is_ours else f"{type(error).__name__}: {error} (see the traceback above)"
    return f"\n{_HEADING}\n{text.strip()}\n"


def read_reason(log: str | os.PathLike[str], lines: int = 30) -> str:
    """Read why a job stopped from its log.

    Parameters
    ----------
    log : path
        The log.
    lines : int
        Lines of the message that are kept; the others are counted.

    Returns
    -------
    str
        The message, or a sentence that the log does not say.
    """
    try:
        with Path(log).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _MAX_BYTES))
            end = file.read().decode("utf-8", errors="backslashreplace")
    except OSError:
        return _UNKNOWN
    _, heading, text = end.rpartition(f"{_HEADING}\n")
    if not heading:
        return _UNKNOWN
    found = text.strip().splitlines()
    rest = len(found) - lines
    more = [f"... and {rest} more lines"] if rest > 0 else []
    return "\n".join(found[:lines] + more)


def failures_text(failed: Sequence[tuple[str, str]], jobs: int = 5) -> str:
    """Return what to say of the jobs of a run that failed.

    Parameters
    ----------
    failed : sequence of (str, str)
        Name and log of each job.
    jobs : int
        Different reasons that are given; jobs that failed for one reason are counted.

    Returns
    -------
    str
        Each reason below the job it stopped and its log.
    """
    of_reason: dict[str, list[str]] = {}
    for name, log in sorted(failed):
        of_reason.setdefault(read_reason(log), []).append(f"{name} (log: {log})")
    parts = [f"{len(failed)} job{'' if len(failed) == 1 else 's'} failed."]
    for reason, names in list(of_reason.items())[:jobs]:
        others = f" and {len(names) - 1} more" if len(names) > 1 else ""
        parts.append(f"{names[0]}{others}:\n{reason}")
    if len(of_reason) > jobs:
        parts.append(f"... and {len(of_reason) - jobs} more reasons")
    return "\n\n".join(parts)
