"""Opening files that others named, without waiting for pipes or touching devices."""

from __future__ import annotations

import errno
import os
import stat
from typing import BinaryIO

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file for reading, if it is one.

    A named pipe without a writer would keep the reader waiting for ever.

    Parameters
    ----------
    path : path
        What to open; links are followed.

    Returns
    -------
    binary file
        To be closed by the caller.

    Raises
    ------
    OSError
        If it cannot be opened or is a folder, pipe, socket or device; `strerror` names which.
    """
    try:
        # tifffile asks files for their name, which is a number where a descriptor is opened.
        return open(path, "rb", opener=_open_descriptor)
    except ValueError as error:  # a null byte in the path
        raise OSError(errno.EINVAL, str(error), str(path)) from None
    except OSError as error:
        if error.errno == errno.ENXIO:  # how opening a socket fails
            raise OSError(errno.ENXIO, "it is a socket, not a file", str(path)) from None
        raise


def _open_descriptor(path: str, flags: int) -> int:
    # Without blocking, so that opening a pipe returns at once and can be judged.
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)
    kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
    if kind == stat.S_IFREG:
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, f"it is {_KINDS.get(kind, 'something else')}, not a file", path)


def read_regular(path: str | os.PathLike[str]) -> bytes:
    """Read a whole file, if it is one.

    Parameters
    ----------
    path : path
        What to read.

    Returns
    -------
    bytes
        Its content.

    Raises
    ------
    OSError
        As `open_regular`.
    """
    with open_regular(path) as file:
        return file.read()
