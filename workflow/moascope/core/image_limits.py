"""Limits of image sizes: declared sizes are checked before memory is used."""

from __future__ import annotations

import math
import struct
from pathlib import Path

from moascope.core.errors import DamagedImageError

COPY_AGAIN = "Copy it again from the microscope, or leave its site out of the sample sheet."
MAX_GIGABYTES = 2.0
"""Default of `max_image_gigabytes`: a slide of 20,000 x 20,000 px in 16 bit has 0.8."""

_GIGABYTE = 10**9
# Beyond this size, the ratio of claimed pixels to the file that no compressor of images reaches.
_CHECKED_BYTES = 2**28
_MAX_RATIO = 20_000
_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


def check_claim(
    claimed: int, size: int, path: Path, advice: str, max_gigabytes: float = MAX_GIGABYTES
) -> None:
    """Refuse more pixels than the limit, or than a file of that size can hold.

    Parameters
    ----------
    claimed : int
        Bytes of pixels, decompressed, that the file declares.
    size : int
        Bytes of the file.
    path : pathlib.Path
        The file, for the message.
    advice : str
        What to do about a damaged file, for the message.
    max_gigabytes : float
        Largest size of the decompressed pixels (1 GB is 1,000,000,000 bytes).

    Raises
    ------
    ImageError
        If the claim is too large.
    """
    is_absurd = claimed > _CHECKED_BYTES and claimed > _MAX_RATIO * size
    if claimed <= max_gigabytes * _GIGABYTE and not is_absurd:
        return
    needed = math.ceil(claimed / _GIGABYTE * 10) / 10
    larger = "" if is_absurd else f" If the size is right, set max_image_gigabytes: {needed:g}."
    raise DamagedImageError(
        f"{path}: damaged, or too large: it declares {claimed:,} bytes of pixels in a file of "
        f"{size:,} bytes, and at most {max_gigabytes:g} GB are read. {advice}{larger}"
    )


def jpeg_size(data: bytes) -> tuple[int, int]:
    """Return the height and width that a JPEG declares.

    Parameters
    ----------
    data : bytes
        The file, or its beginning.

    Returns
    -------
    (int, int)
        In pixels; 0 and 0 where they are not in `data`.
    """
    place = 2
    while place + 9 <= len(data):
        if data[place] != 0xFF:
            return 0, 0
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack(">2H", data[place + 5 : place + 9])
            return height, width
        place += 1 if marker == 0xFF else 2 + length
    return 0, 0
