"""What every script does first: find the library, write a log, and report errors in one line."""

import atexit
import faulthandler
import logging
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def start(log_file):
    """Log to the file of the job, and say errors of the input without a traceback."""
    from moascope.errors import InputError  # noqa: PLC0415  (only now can it be found)

    text = {"encoding": "utf-8", "errors": "backslashreplace"}  # file names need not be text
    handler = logging.FileHandler(log_file, mode="w", **text)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.captureWarnings(True)
    # What compiled libraries print, such as TensorFlow at its start, goes to the log as well, and
    # so does where a crash happened.
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, **text)
    os.dup2(handler.stream.fileno(), 2)
    faulthandler.enable(2)

    failed = []

    def report(kind, error, traceback):
        failed.append(kind)
        logging.error("%s", error, exc_info=(kind, error, traceback))
        if issubclass(kind, InputError):
            print(f"\n{error}\n", file=sys.stderr)
        else:
            sys.__excepthook__(kind, error, traceback)

    def leave():
        # Now all is written. Threads of TensorFlow that are still there when Python takes itself
        # apart can abort the process, and Snakemake would delete what a finished job has made.
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1 if failed else 0)

    sys.excepthook = report
    atexit.register(leave)
