"""Start and end of a job: its log, messages of errors and the exit code."""

from __future__ import annotations

import atexit
import dis
import faulthandler
import gc
import inspect
import io
import logging
import os
import stat
import sys
from types import FrameType, TracebackType
from typing import Any

from moascope.core.errors import InputError
from moascope.pipeline.job_logs import reason_text


def start(log_file: str) -> None:
    """Log to the file of the job, and print errors of the input without a traceback.

    Call it once, at the top level of a script.

    Parameters
    ----------
    log_file : str
        Log of the job; replaced where it exists.
    """
    # Both files stay open until the process ends. File names need not be text.
    log = open(log_file, "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115, PTH123
    handler = logging.StreamHandler(log)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.captureWarnings(True)
    # What compiled libraries print, such as TensorFlow at its start, goes to the log as well, and
    # so does where a crash happened.
    terminal = os.dup(2)
    sys.stderr = open(terminal, "w", 1, encoding="utf-8", errors="backslashreplace")  # noqa: SIM115, PTH123
    os.dup2(log.fileno(), 2)
    faulthandler.enable(2)

    frame = inspect.currentframe()
    script = frame.f_back if frame else None
    if script is None:
        raise RuntimeError("call this from a script")
    body = script.f_code
    kinds: list[type[BaseException]] = []  # no frame or error, which keep the script's files open

    def report(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        # Libraries may call this hook for errors that they go on from.
        if traceback is not None and traceback.tb_frame.f_code is body:
            kinds.append(kind)
        logging.error("%s", error, exc_info=(kind, error, traceback))
        log.write(reason_text(error))
        if issubclass(kind, InputError):
            print(f"\n{error}\n", file=sys.stderr)
        else:
            sys.__excepthook__(kind, error, traceback)

    sys.excepthook = report
    atexit.register(_Ending(script, kinds))


class _Ending:
    """Exit that skips Python's own finalization where TensorFlow was loaded.

    Threads of TensorFlow that run on during the finalization can abort the process, and Snakemake
    then deletes the outputs of a finished job. `atexit` must hold the only reference: Python drops
    it after all handlers have run, those included that were registered earlier.

    Parameters
    ----------
    script : frame
        Frame of the script.
    kinds : list of type
        Types of the errors that ended the script; filled later.
    """

    def __init__(self, script: FrameType, kinds: list[type[BaseException]]) -> None:
        self._script = script
        self._kinds = kinds
        self._is_reached = False

    def __call__(self) -> None:
        """Record that the exit handlers run."""
        self._is_reached = True

    def __del__(self) -> None:
        """Exit, unless Python has to set the exit code."""
        if not self._is_reached or "tensorflow" not in sys.modules:
            return
        # Python alone knows the codes of SystemExit and KeyboardInterrupt.
        has_returned = _has_returned(self._script)
        if has_returned or any(issubclass(kind, Exception) for kind in self._kinds):
            _flush_files()
            os._exit(0 if has_returned else 1)


def _has_returned(frame: FrameType) -> bool:
    """Return whether a frame was left by its return, not by an exception."""
    last = dis.opname[frame.f_code.co_code[frame.f_lasti]]
    return last in {"RETURN_VALUE", "RETURN_CONST"}


def _flush_files() -> None:
    """Write what streams and open files hold in memory."""
    sys.stdout.flush()
    sys.stderr.flush()
    kinds = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)
    # By type, since isinstance asks an object for its class, and lazy modules then load.
    files = [item for item in gc.get_objects() if issubclass(type(item), kinds)]
    # Text first: its bytes may go to another of these.
    for file in sorted(files, key=lambda file: not isinstance(file, io.TextIOWrapper)):
        if _is_regular(file):
            file.flush()


def _is_regular(file: Any) -> bool:
    """Return whether a file object is open on a regular file: pipes can block for ever."""
    try:
        return stat.S_ISREG(os.fstat(file.fileno()).st_mode)
    except (OSError, ValueError):  # in memory, or closed
        return False
