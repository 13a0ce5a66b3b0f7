"""IDX files, the format of MNIST: one array of unsigned bytes, as it is or compressed by gzip.

A file holds many images, or their labels: `train-images-idx3-ubyte.gz`, `train-labels-idx1-ubyte`.
Free of NumPy where only headers are read, as the workflow reads them each time a job starts.
"""

from __future__ import annotations

import gzip
import math
import os
import re
import struct
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from moascope.core.damage import machine_error
from moascope.core.errors import DamagedImageError, ImageError, InputError, MissingImageError
from moascope.core.files import atomic_path
from moascope.core.image_limits import MAX_GIGABYTES, check_claim
from moascope.core.regular_files import open_regular

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NAME = re.compile(r"(?P<set>.+)[-_.](?P<kind>images|labels)[-_.]idx[13][-_.]ubyte(?:\.gz)?")
"""Names of files of images and of labels."""

DIMENSIONS = {"images": 3, "labels": 1}
"""Axes of the array of a file of each kind: (image, y, x) or (image)."""

_UNSIGNED_BYTES = 8  # code of the type of the values
_TYPES = {9: "int8", 11: "int16", 12: "int32", 13: "float32", 14: "float64"}
_COPY = "Copy it again from its source."


def is_idx(path: str | os.PathLike[str]) -> bool:
    """Return whether a file is named as an IDX file of images."""
    match = NAME.fullmatch(Path(path).name)
    return match is not None and match["kind"] == "images"


def read_shape(path: str | os.PathLike[str], kind: str = "images") -> tuple[int, ...]:
    """Read the shape of the array of an IDX file from its header.

    Parameters
    ----------
    path : path
        The file.
    kind : {"images", "labels"}
        Its content.

    Returns
    -------
    tuple of int
        Images, rows and columns; of labels their number.

    Raises
    ------
    ImageError
        If the file is missing, no IDX file of this kind, or cut off within its header.
    """
    with ExitStack() as files:
        return _read_header(_open(Path(path), files), Path(path), kind)


def read_array(
    path: str | os.PathLike[str], kind: str = "images", max_gigabytes: float = MAX_GIGABYTES
) -> NDArray[np.uint8]:
    """Read the array of an IDX file.

    Parameters
    ----------
    path : path
        The file.
    kind : {"images", "labels"}
        Its content.
    max_gigabytes : float
        Largest size of the decompressed array that is read.

    Returns
    -------
    ndarray of uint8
        (n, Y, X) for images, (n,) for labels.

    Raises
    ------
    ImageError
        As `read_shape`, or if the file holds more or fewer values than its header says, or is too
        large.
    """
    import numpy as np  # noqa: PLC0415  (headers are read without it)

    path = Path(path)
    with ExitStack() as files:
        file = _open(path, files)
        shape = _read_header(file, path, kind)
        claimed = math.prod(shape)
        check_claim(claimed, path.stat().st_size, path, _COPY, max_gigabytes)
        # One more byte shows whether the file goes on.
        content = _read(file, claimed + 1, path)
    if len(content) != claimed:
        more = "more" if len(content) > claimed else f"{len(content):,}"
        raise DamagedImageError(
            f"{path}: its header declares {claimed:,} bytes of {kind}, but {more} follow. {_COPY}"
        )
    return np.frombuffer(content, np.uint8).reshape(shape)


def write_array(values: NDArray[np.uint8], path: str | os.PathLike[str]) -> None:
    """Write an array of unsigned bytes as a gzipped IDX file.

    Parameters
    ----------
    values : ndarray of uint8
        (n, Y, X) for images, (n,) for labels.
    path : path
        The file; it appears when it is complete.
    """
    header = struct.pack(f">4B{values.ndim}I", 0, 0, _UNSIGNED_BYTES, values.ndim, *values.shape)
    with atomic_path(path) as temporary:
        temporary.write_bytes(gzip.compress(header + values.tobytes(), mtime=0))


def _open(path: Path, files: ExitStack) -> BinaryIO:
    try:
        file = files.enter_context(open_regular(path))
    except FileNotFoundError:
        raise MissingImageError(f"{path}: no such file. Correct input.images.") from None
    except OSError as error:
        raise machine_error(path, error) or ImageError(
            f"{path}: cannot be opened ({error.strerror}). Check that it is a readable file."
        ) from error
    is_compressed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    if not is_compressed:
        return file
    return cast(BinaryIO, files.enter_context(gzip.GzipFile(fileobj=file)))


def _read(file: BinaryIO, n: int, path: Path) -> bytes:
    try:
        return file.read(n)
    except (EOFError, OSError, zlib.error) as error:
        raise machine_error(path, error) or DamagedImageError(
            f"{path}: damaged or truncated gzip file ({error}). {_COPY}"
        ) from error


def _read_header(file: BinaryIO, path: Path, kind: str) -> tuple[int, ...]:
    expected = DIMENSIONS[kind]
    head = _read(file, 4, path)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in (_UNSIGNED_BYTES, *_TYPES):
        raise ImageError(
            f"{path}: no IDX file (it begins with {head.hex(' ') or 'nothing'}; a file of {kind} "
            f"begins with 00 00 08 0{expected}). Give the file as it was published."
        )
    if head[2] != _UNSIGNED_BYTES:
        raise ImageError(
            f"{path}: holds values of the type {_TYPES[head[2]]}; unsigned bytes (08) are read. "
            "Write them as unsigned bytes."
        )
    if head[3] != expected:
        raise ImageError(
            f"{path}: holds an array of {head[3]} axes; a file of {kind} has {expected}. Give the "
            f"file of {kind}."
        )
    sizes = _read(file, 4 * expected, path)
    if len(sizes) < 4 * expected:
        raise DamagedImageError(f"{path}: cut off within its header. {_COPY}")
    return struct.unpack(f">{expected}I", sizes)


def find_pairs(folder: str | os.PathLike[str]) -> dict[str, tuple[Path, Path]]:
    """Find the files of images of a folder, each with its file of labels.

    Parameters
    ----------
    folder : path
        The folder.

    Returns
    -------
    dict of str to (Path, Path)
        Images and labels by the name of the set, sorted; the name is what precedes `-images`.

    Raises
    ------
    InputError
        If the folder cannot be listed, holds no file of images, or a set lacks one of its files or
        has one twice.
    """
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208  (names only)
    except OSError as error:
        raise InputError(
            f"input.images: the folder {folder} cannot be listed ({error.strerror}); correct the "
            "path"
        ) from error
    found: dict[str, dict[str, list[str]]] = {}
    for name in names:
        if match := NAME.fullmatch(name):
            of_set = found.setdefault(match["set"], {"images": [], "labels": []})
            of_set[match["kind"]].append(name)
    if not found:
        raise InputError(
            f"input.images: {folder} holds no IDX file of images, such as train-images-idx3-ubyte "
            "or train-images-idx3-ubyte.gz; correct the path"
        )
    problems = []
    for name, of_set in found.items():
        for kind, files in of_set.items():
            if not files:
                problems.append(
                    f"set {name!r} has no file of {kind}; add {name}-{kind}-idx{DIMENSIONS[kind]}"
                    "-ubyte"
                )
            if len(files) > 1:
                problems.append(
                    f"set {name!r} has {len(files)} files of {kind} ({', '.join(files)}); remove "
                    "all but one"
                )
    if problems:
        raise InputError.collect(problems, f"input.images: {folder}")
    root = Path(folder)
    return {
        name: (root / of_set["images"][0], root / of_set["labels"][0])
        for name, of_set in sorted(found.items())
    }
