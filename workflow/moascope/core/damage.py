"""Exceptions of damaged files, and those of a machine that could not read a file now.

A damaged file stays damaged. Too little memory, a disk that fails or too many open files pass: the
job must fail and be run again, since the file may be whole.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from zipfile import ZipFile

from moascope.core.errors import InputError

_MAX_MODEL_BYTES = 4 * 10**9
# Errors of the system that are about the file or its path. All others are about the machine.
_OF_THE_FILE = frozenset(
    {
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.EINVAL,
        errno.ENXIO,
        errno.ENAMETOOLONG,
        errno.ELOOP,
        errno.EOVERFLOW,
        errno.ESPIPE,
        errno.EBADMSG,
    }
)
_NO_MEMORY = re.compile(
    r"(?:out of|not enough|insufficient|no) memory|unable to allocate|cannot allocate|mem_error"
    r"|bad_?alloc|alloc(?:ation)? (?:error|fail)|failed to allocate|can't start new thread"
    r"|Error -4 while",  # zlib.error, where Z_MEM_ERROR is -4
    re.IGNORECASE,
)
_ADVICE = {
    errno.EMFILE: "Raise the limit of open files (ulimit -n), and run again.",
    errno.ENFILE: "Close other programs on this machine, and run again.",
    errno.EACCES: "Correct the permissions of the file and its folders, and run again.",
    errno.EPERM: "Correct the permissions of the file and its folders, and run again.",
}
_MEMORY_ADVICE = "Give the job more memory (--set-resources) or use fewer cores, and run again."


class MachineError(InputError):
    """A file that could not be read for a reason that lies in the machine, not in the file."""


def machine_error(path: str | os.PathLike[str], error: BaseException) -> MachineError | None:
    """Build the error for a file that could not be read although it may be whole.

    Parameters
    ----------
    path : path
        The file.
    error : exception
        What reading it raised. Libraries put errors of their own around those of the system, so
        causes and contexts are looked at as well.

    Returns
    -------
    MachineError or None
        None where nothing but the file is to blame: it is missing, damaged or no file.
    """
    for cause in _chain(error):
        if isinstance(cause, MachineError):
            return cause
        if _is_about_memory(cause):
            return MachineError(
                f"{os.fspath(path)}: not enough memory to read it. {_MEMORY_ADVICE}"
            )
        code = cause.errno if isinstance(cause, OSError) else None
        if code is not None and code not in _OF_THE_FILE:
            advice = _ADVICE.get(code, "Check the disk or the file server, and run again.")
            reason = cause.strerror if isinstance(cause, OSError) else None
            return MachineError(
                f"{os.fspath(path)}: cannot be read ({reason or os.strerror(code)}); the file "
                f"may be intact. {advice}"
            )
    return None


def _is_about_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno == errno.ENOMEM
    # What a message of ours says about memory was written after the causes were looked at.
    return not isinstance(error, InputError) and bool(_NO_MEMORY.search(str(error)))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it arose from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def check_declared(archive: ZipFile, path: str | os.PathLike[str]) -> None:
    """Refuse an archive of a model whose entries declare more bytes than a model has.

    Reading an entry never gives more than it declares.

    Parameters
    ----------
    archive : zipfile.ZipFile
        Opened for reading.
    path : path
        The file, for the message.

    Raises
    ------
    InputError
        If its entries have more than 4 GB together.
    """
    declared = sum(entry.file_size for entry in archive.infolist())
    if declared > _MAX_MODEL_BYTES:
        raise InputError(
            f"{os.fspath(path)}: damaged, or no model: its entries declare {declared:,} bytes, and "
            f"a model has at most {_MAX_MODEL_BYTES:,}. Copy the model again; a larger one of "
            "StarDist can be given as a folder."
        )
