"""Files of a run: written whole or not at all, and read with errors that say what to do."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import re
import shutil
import socket
import struct
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from moascope.core.damage import machine_error
from moascope.core.errors import InputError
from moascope.core.paths import target_of
from moascope.core.text.escaping import show

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import DTypeLike


logger = logging.getLogger(__name__)

FILE_COLUMNS = ("path:", "index:", "bytes:", "mtime_ns:")
"""First parts of the names of columns of a sites table that locate its images."""


class Closing:
    """An object that is closed where its `with` block ends."""

    def close(self) -> None:
        """Close the files that are open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary sibling of `path` that takes its place when the block succeeds.

    Parameters
    ----------
    path : path
        The file that is to exist in the end. Its folder is made where it is missing.

    Yields
    ------
    pathlib.Path
        Where to write. It keeps the suffix of `path`, since some writers look at it.

    Raises
    ------
    InputError
        If the folder cannot be made or written, or the disk is full; nothing is left behind.
        Errors of other files that the block opens, say to read them, pass through unchanged.
    """
    target = Path(path)
    writer = f"{_machine()}-{os.getpid()}"
    temporary = target.with_name(f".{target.stem}.{writer}.partial{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(target)
    except BaseException as error:
        advice = _advice(error, temporary)  # before the part is gone, and its space is free again
        # Where the folder is no folder, removing what was never written fails as well.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if advice:
            raise InputError(f"{target}: cannot be written {advice}") from error
        raise


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a temporary folder that is removed with all it holds when the block ends.

    Yields
    ------
    pathlib.Path
        The folder.

    Raises
    ------
    InputError
        If the disk of temporary files is full.
    """
    with tempfile.TemporaryDirectory(prefix="moascope-") as name:
        folder = Path(name)
        try:
            yield folder
        except Exception as error:
            code = _space_code(error, folder)
            if isinstance(error, InputError) or code is None:
                raise
            raise InputError(
                f"{folder}: cannot be written ({os.strerror(code)}). Free space on that disk, or "
                f"set TMPDIR to a folder on another one. {_free_space(folder)}"
            ) from error


# --- Leftovers of killed jobs --------------------------------------------------------------------

_PARTIAL = re.compile(r"\..+?\.(?:(?P<machine>[0-9a-f]{8})-)?(?P<process>\d+)\.partial(?:\.\w+)?")
_ABANDONED = 7 * 24 * 3600  # s without a change; no job of the workflow may run longer than a day


def remove_leftovers(folder: str | os.PathLike[str]) -> list[Path]:
    """Remove the half-written files of writers that are dead.

    A file of this machine goes when its process is gone. Of other machines, whose processes cannot
    be seen, a file goes when nothing was written to it for a week.

    Parameters
    ----------
    folder : path
        Searched with all folders in it. It need not exist.

    Returns
    -------
    list of pathlib.Path
        What was removed.
    """
    removed = []
    for file in Path(folder).rglob(".*.partial*"):
        match = _PARTIAL.fullmatch(file.name)
        with suppress(OSError):  # it was finished meanwhile, or is somebody else's
            if match and _is_abandoned(file, match["machine"], int(match["process"])):
                file.unlink()
                removed.append(file)
    return removed


def _is_abandoned(file: Path, machine: str | None, process: int) -> bool:
    if machine == _machine():
        return not _is_running(process)
    return time.time() - file.stat().st_mtime > _ABANDONED


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


@cache
def _machine() -> str:
    """Return eight digits for this machine and, in a container, for its own process numbers."""
    numbers = ""
    with suppress(OSError):
        numbers = str(Path("/proc/self/ns/pid").readlink())
    name = f"{socket.gethostname()} {numbers}"
    return hashlib.blake2b(name.encode(), digest_size=4).hexdigest()


# --- Folders and disks ---------------------------------------------------------------------------


def write_zip(
    contents: Mapping[str, bytes], path: str | os.PathLike[str], method: int = zipfile.ZIP_STORED
) -> None:
    """Write a ZIP archive without dates, so that equal contents give equal bytes.

    Parameters
    ----------
    contents : mapping of str to bytes
        The files, by name.
    path : path
        The archive.
    method : int
        `zipfile.ZIP_STORED`, or `zipfile.ZIP_DEFLATED` to compress.
    """
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)


def check_folder(path: str | os.PathLike[str], *, writable: bool = True) -> None:
    """Check that a folder is there or can be made, without making it.

    Parameters
    ----------
    path : path
        The folder.
    writable : bool
        Whether files are to be written to it.

    Raises
    ------
    InputError
        Naming the folder, why it cannot be used, and what to do.
    """
    folder = Path(path)
    places = (folder.absolute(), *folder.absolute().parents)
    nearest = next(each for each in places if each.exists() or each.is_symlink())
    if not nearest.exists():
        raise InputError(
            f"{folder}: cannot be written, since {nearest} is a link to a missing folder. Add "
            "that folder, or remove the link."
        )
    if not nearest.is_dir():
        raise InputError(
            f"{folder}: cannot be written, since {nearest} is a file where a folder is needed. "
            "Move it away."
        )
    if writable and not os.access(nearest, os.W_OK | os.X_OK):
        raise InputError(
            f"{folder}: cannot be written, since {nearest} is read-only for this user. Check its "
            "permissions and its file system, or run with --directory elsewhere."
        )


_STORAGE_ADVICE = {
    errno.ENOSPC: "Free space on that disk, or run with --directory on another one, and start "
    "again.",
    errno.EDQUOT: "The disk quota is used up: free space or run with --directory elsewhere.",
    errno.EFBIG: "The file system or a limit (ulimit -f) allows no file of this size: raise the "
    "limit, or run with --directory elsewhere.",
    errno.EACCES: "Check the permissions of the folder, or run with --directory elsewhere.",
    errno.EROFS: "The file system is read-only: run with --directory elsewhere.",
}
_OF_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# HDF5 writes the number into a long text; NumPy only says that less was written than it had.
_NUMBER_IN_TEXT = re.compile(r"errno = (\d+)")
_SHORT_WRITE = re.compile(r"\d+ requested and \d+ written|Not enough free space to write")


def _advice(error: BaseException, temporary: Path) -> str | None:
    """Return why `temporary` cannot be written, and what to do; None for other errors."""
    if isinstance(error, InputError):
        return None
    folders = [Path(os.path.realpath(folder)) for folder in temporary.parents]
    code = _space_code(error, temporary)
    if code is not None:
        return f"({os.strerror(code)}). {_STORAGE_ADVICE[code]} {_free_space(folders[0])}"
    if not isinstance(error, OSError) or not _is_about(error, temporary):
        return None
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        file = next((folder for folder in folders if folder.is_file()), None)
        advice = f"{file} is a file where a folder is needed: move it away." if file else None
    else:
        advice = _STORAGE_ADVICE.get(error.errno or 0)
    return advice and f"({error.strerror}). {advice}"


def _is_about(error: OSError, temporary: Path) -> bool:
    """Return whether an error can be of a file or of a folder above it."""
    # A failed write names no file; what cannot be opened or made is named, as its user spelled it.
    if not isinstance(error.filename, (str, bytes, os.PathLike)):
        return True
    folders = [Path(os.path.realpath(folder)) for folder in temporary.parents]
    named = Path(os.path.realpath(os.fsdecode(error.filename)))
    return named in (folders[0] / temporary.name, *folders)


def _space_code(error: BaseException | None, place: Path) -> int | None:
    """Find the number of an error that says there is no room; None where there is none."""
    while error is not None:
        code = error.errno if isinstance(error, OSError) else None
        if code is None:
            number = _NUMBER_IN_TEXT.search(str(error))
            code = int(number[1]) if number else None
        if code is None and isinstance(error, OSError) and _SHORT_WRITE.match(str(error)):
            code = errno.ENOSPC
        is_named = isinstance(error, OSError) and not _is_about(error, place)
        if code in _OF_SPACE and not is_named:
            return code
        # What is closed after a failed write fails as well, and hides the first error.
        error = error.__cause__ or error.__context__
    return None


def _free_space(folder: Path) -> str:
    """Return the free space on the disk of a folder, in words."""
    with suppress(OSError):
        usage = shutil.disk_usage(folder)
        unit, name = (1e9, "GB") if usage.total >= 1e9 else (1e6, "MB")
        return f"{usage.free / unit:,.1f} of {usage.total / unit:,.1f} {name} are free there."
    return "The free space there is unknown."


# --- Writing -------------------------------------------------------------------------------------


def write_parquet(table: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write a table as parquet, atomically and with the same bytes for the same content.

    Parameters
    ----------
    table : pandas.DataFrame
        Its index is not written.
    path : path
        The file to write.
    """
    import pyarrow as pa  # noqa: PLC0415

    # Given a path, pandas removes the file after an error, and the full disk looks empty.
    with atomic_path(path) as temporary, pa.OSFile(str(temporary), "wb") as file:
        table.to_parquet(file, index=False, compression="zstd", write_page_checksum=True)


def write_array(array: np.ndarray, path: str | os.PathLike[str]) -> None:
    """Write one array as `.npy`, atomically.

    Parameters
    ----------
    array : array
        What to write; no Python objects.
    path : path
        The file to write.
    """
    import numpy as np  # noqa: PLC0415

    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.lib.format.write_array(_Stream(file), array, allow_pickle=False)  # type: ignore[arg-type]


class _Stream:
    """A file that NumPy writes to in pieces, so that a full disk gives an error with its number."""

    def __init__(self, file: BinaryIO) -> None:
        self.write = file.write


def write_array_header(file: BinaryIO, dtype: DTypeLike, shape: tuple[int, ...]) -> None:
    """Begin a `.npy` file whose values are then written in order.

    A memory map would not do: on a full disk it kills the process with a bus error, where a write
    raises an error that can be explained.

    Parameters
    ----------
    file : binary file
        Opened for writing.
    dtype : dtype
        Of the values.
    shape : tuple of int
        Of the array. Headers that differ in the first number only have the same length.
    """
    import numpy as np  # noqa: PLC0415

    descr = np.lib.format.dtype_to_descr(np.dtype(dtype))
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def write_json(content: Any, path: str | os.PathLike[str]) -> None:
    """Write JSON (UTF-8, two spaces, strict: no NaN), atomically.

    Parameters
    ----------
    content : JSON-serialisable
        NaN or infinity is a `ValueError`, because no other program would read it back.
    path : path
        The file to write.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


# --- Reading -------------------------------------------------------------------------------------

_DAMAGE = (
    OSError,
    ValueError,
    LookupError,
    EOFError,
    TypeError,
    OverflowError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
)
"""Errors of pandas, NumPy, JSON, HDF5 and ZIP for an incomplete file."""


def damaged(path: str | os.PathLike[str], error: BaseException | str) -> InputError:
    """Build the error for a file of a run that is missing or cannot be read.

    Parameters
    ----------
    path : path
        The file.
    error : exception or str
        Why it cannot be read.

    Returns
    -------
    InputError
        Names the file, the reason, and the rule that makes it again, to be raised by the caller.
    """
    place, target = os.fspath(path), target_of(path)
    if isinstance(error, FileNotFoundError):
        fix = f"Run again, or with --forcerun {target}." if target else "Correct its path."
        return InputError(f"{place}: there is no such file. {fix}")
    if isinstance(error, PermissionError):
        return InputError(f"{place}: cannot be read ({error.strerror}). Check its permissions.")
    passing = machine_error(path, error) if isinstance(error, BaseException) else None
    return passing or InputError(
        f"{place}: is damaged, or was not written by MoAscope ({reason(error)}). {remedy(path)}"
    )


def remedy(path: str | os.PathLike[str]) -> str:
    """Return the sentence that says how to get a whole file in place of a damaged one."""
    target = target_of(path)
    if target:
        return f"Delete it and run again, or run with --forcerun {target}."
    return "Replace it by an intact one."


def reason(error: BaseException | str) -> str:
    """Return the first line of what an error says, shortened, without a full stop."""
    lines = str(error).strip().splitlines() or [""]
    text = lines[0] if len(lines[0]) <= _LONGEST_REASON else f"{lines[0][:_LONGEST_REASON]}..."
    kind = f"{type(error).__name__}: " if isinstance(error, BaseException) else ""
    return f"{kind}{text}".rstrip(".: ")


_LONGEST_REASON = 200  # characters


@contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[None]:
    """Convert the errors of a block that only reads `path` into those of `damaged`."""
    try:
        yield
    except InputError:
        raise
    except _DAMAGE as error:
        raise damaged(path, error) from error


def read_parquet(path: str | os.PathLike[str], columns: list[str] | None = None) -> pd.DataFrame:
    """Read a table that `write_parquet` wrote, and compare its pages with their checksums.

    Parameters
    ----------
    path : path
        The file.
    columns : list of str or None
        Which columns to read; None: all.

    Returns
    -------
    pandas.DataFrame
        The table.

    Raises
    ------
    InputError
        If the file is missing or damaged.
    """
    import pandas as pd  # noqa: PLC0415  (not every user of this module has pandas at hand)

    with reading(path):
        return pd.read_parquet(path, columns=columns, page_checksum_verification=True)


def read_tables(
    paths: Sequence[str | os.PathLike[str]], columns: list[str] | None = None
) -> pd.DataFrame:
    """Read parquet files into one table, in the order given.

    Parameters
    ----------
    paths : sequence of path
        At least one file.
    columns : list of str or None
        Which columns to read; None: all.

    Returns
    -------
    pandas.DataFrame
        All rows under a fresh index. Empty tables do not change the types of the others.
    """
    import pandas as pd  # noqa: PLC0415

    tables = [read_parquet(path, columns) for path in paths]
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else tables[0]


def read_array(path: str | os.PathLike[str], *, mapped: bool = False) -> np.ndarray:
    """Read an array that `write_array` wrote.

    Parameters
    ----------
    path : path
        The `.npy` file.
    mapped : bool
        Leave the values on disk and map them into memory, read-only.

    Returns
    -------
    array
        What was written.

    Raises
    ------
    InputError
        If the file is missing, or its length is not what its header says. Values have no
        checksum.
    """
    import numpy as np  # noqa: PLC0415

    with reading(path):
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(array, np.memmap):
            raise ValueError("holds several arrays")
        size, expected = Path(path).stat().st_size, array.offset + array.nbytes
        if size != expected:
            raise ValueError(f"holds {size} bytes, but its header declares {expected}")
    return array if mapped else np.array(array)


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read what `write_json` wrote.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    JSON value
        What was written.

    Raises
    ------
    InputError
        If the file is missing or damaged.
    """
    with reading(path):
        return json.loads(Path(path).read_text(encoding="utf-8"))


def unique_keys(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Build a dict from the pairs of a JSON object (`object_pairs_hook`).

    Parameters
    ----------
    pairs : sequence of (str, value)
        In the order of the file.

    Returns
    -------
    dict
        The object.

    Raises
    ------
    ValueError
        For a key that is given twice.
    """
    result = dict(pairs)
    if len(result) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {show(twice)} is given twice")
    return result
