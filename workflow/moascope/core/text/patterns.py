"""Regular expressions of the user, compiled and matched within a time limit."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from moascope.core.errors import InputError
from moascope.core.text.escaping import show


class OutOfTimeError(Exception):
    """A time limit has passed."""


@contextmanager
def limit_time(seconds: float) -> Iterator[None]:
    """Stop a block that computes for too long.

    A pattern with nested repeats can take years on one file name. Matching cannot be stopped by
    another thread, but it looks for signals, which only the main thread gets: elsewhere there is no
    limit. Processor time is counted, so that a busy machine or a slow disk does not matter.

    Parameters
    ----------
    seconds : float
        Processor time that the block may take.

    Raises
    ------
    OutOfTimeError
        From within the block, when the time has passed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(signal_number: int, frame: FrameType | None) -> None:
        raise OutOfTimeError

    before = signal.signal(signal.SIGVTALRM, stop)
    rest, interval = signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, rest, interval)
        signal.signal(signal.SIGVTALRM, before)


def compile_pattern(text: str, key: str) -> re.Pattern[str]:
    """Compile a regular expression of the configuration.

    Parameters
    ----------
    text : str
        The expression.
    key : str
        The key of the configuration that holds it.

    Returns
    -------
    re.Pattern
        The compiled expression.

    Raises
    ------
    InputError
        If it is no regular expression, or one that Python cannot hold.
    """
    try:
        return re.compile(text)
    except (re.error, OverflowError) as error:
        reason = str(error)
    except (RecursionError, MemoryError):
        reason = "its groups or repeats are nested too deeply"
    raise InputError(f"{key}: {show(text)} is not a regular expression ({reason}); correct it")


def too_slow(key: str, text: str, name: str) -> InputError:
    """Return the error for an expression that does not come to an end.

    Parameters
    ----------
    key : str
        The key of the configuration that holds it.
    text : str
        The expression.
    name : str
        What it was matched against.

    Returns
    -------
    InputError
        To be raised by the caller.
    """
    return InputError(
        f"{key}: matching {show(text)} against {show(name)} was stopped, since it takes too long; "
        "avoid repeats within repeats, such as (a+)+, and repeats that can match the same "
        "characters, such as .*.*"
    )
