"""Writing files so that a reader never sees half of one."""

from __future__ import annotations

import errno
import json
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from moascope.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


FILE_COLUMNS = ("path:", "index:", "bytes:", "mtime_ns:")
"""How the columns of a sites table begin that tell where its images are."""


class Closing:
    """What is closed where its `with` block ends."""

    def close(self) -> None:
        """Let go of what is held open."""

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
    """Give a temporary sibling of `path` that takes its place when the block succeeds.

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
    temporary = target.with_name(f".{target.stem}.{os.getpid()}.partial{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(target)
    except BaseException as error:
        # Where the folder is no folder, removing what was never written fails as well.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        advice = _advice(error, temporary) if isinstance(error, OSError) else None
        if isinstance(error, OSError) and advice:
            raise InputError(f"{target}: cannot be written ({error.strerror}). {advice}") from error
        raise


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
            f"{folder}: cannot be written, since {nearest} is a link to a folder that is not "
            "there. Make that folder, or remove the link."
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
    errno.EACCES: "Check the permissions of the folder, or run with --directory elsewhere.",
    errno.EROFS: "The file system is read-only: run with --directory elsewhere.",
}


def _advice(error: OSError, temporary: Path) -> str | None:
    """Say how to make `temporary` writable; None where the error is of another file or kind."""
    folders = [Path(os.path.realpath(folder)) for folder in temporary.parents]
    # A failed write names no file; what cannot be opened or made is named, as its user spelled it.
    if isinstance(error.filename, (str, bytes, os.PathLike)):
        named = Path(os.path.realpath(os.fsdecode(error.filename)))
        if named not in (folders[0] / temporary.name, *folders):
            return None
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        file = next((folder for folder in folders if folder.is_file()), None)
        return f"{file} is a file where a folder is needed: move it away." if file else None
    return _STORAGE_ADVICE.get(error.errno or 0)


def write_parquet(table: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write a table as parquet, atomically and with the same bytes for the same content.

    Parameters
    ----------
    table : pandas.DataFrame
        Its index is not written.
    path : path
        The file to write.
    """
    with atomic_path(path) as temporary:
        table.to_parquet(temporary, index=False, compression="zstd")


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
    import pandas as pd  # noqa: PLC0415  (not every user of this module has pandas at hand)

    tables = [pd.read_parquet(path, columns=columns) for path in paths]
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else tables[0]


def write_array(array: np.ndarray, path: str | os.PathLike[str]) -> None:
    """Write one array as `.npy`, atomically.

    Parameters
    ----------
    array : array
        What to write.
    path : path
        The file to write.
    """
    import numpy as np  # noqa: PLC0415

    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.save(file, array)


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
