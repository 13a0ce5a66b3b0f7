"""Opening of TIFF files that are complete, fit into memory and match their metadata."""

from __future__ import annotations

import logging
import math
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tifffile import TiffFile, TiffPageSeries

from moascope.core.errors import DamagedImageError
from moascope.core.image_limits import COPY_AGAIN, MAX_GIGABYTES, check_claim, jpeg_size
from moascope.core.regular_files import open_regular
from moascope.images.tiff.tiff_warnings import no_altered_pixels

logger = logging.getLogger(__name__)

_MAX_PLANES = 10**6
_JPEG_CODECS = frozenset({6, 7})
_JPEG_HEAD = 4096  # bytes in which a JPEG of a strip or tile has its size
# Codecs whose decoder notices missing bytes: none, LZW, Deflate (two numbers), PackBits, LZMA, Zstd
_EXACT_CODECS = frozenset({1, 5, 8, 32946, 32773, 34925, 50000})


@contextmanager
def open_tiff(
    path: Path, advice: str = COPY_AGAIN, max_gigabytes: float = MAX_GIGABYTES
) -> Iterator[TiffFile]:
    """Open a TIFF whose pixels are all there and fit into memory.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    advice : str
        Advice on a damaged file, for the message.
    max_gigabytes : float
        Largest size of the decompressed pixels.

    Yields
    ------
    TiffFile
        A file of a multi-file OME-TIFF set is opened for itself: the sample sheet names each file,
        and tifffile would put zeros where a sibling is missing.

    Raises
    ------
    ImageError
        If the file is truncated, declares too large a size, or holds other planes than its metadata
        say; when the block ends, if tifffile made pixels up. Damaged bytes can raise any error.
    """
    # Opened here, since tifffile would ask for every folder above it whether that is a link.
    with (
        no_altered_pixels(path, advice) as warnings,
        open_regular(path) as file,
        TiffFile(file, _multifile=False) as tiff,
    ):
        _check_ome_numbers(tiff, path, advice)
        _check_complete(tiff, path, advice)
        _check_jpegs(tiff, path, advice, max_gigabytes)
        size = tiff.filehandle.size
        for series in tiff.series:
            check_claim(_claimed_bytes(series), size, path, advice, max_gigabytes)
        warnings.check()
        _check_pages(tiff, path, advice)
        for series in tiff.series:
            _check_end(series, size, path, advice)
        yield tiff


def _check_ome_numbers(tiff: TiffFile, path: Path, advice: str) -> None:
    """Refuse OME metadata with so many planes that listing them would fill the memory."""
    if not tiff.is_ome:
        return
    metadata = tiff.ome_metadata or ""
    numbers = re.findall(r'(?:First[CZT]|IFD|PlaneCount)="(\d+)"', metadata)
    products = [
        math.prod(int(number[:9]) for number in re.findall(r'Size[CZT]="(\d+)"', element))
        for element in re.findall(r"<(?:\w+:)?Pixels\b[^>]*", metadata)
    ]
    if any(int(number[:9]) > _MAX_PLANES for number in numbers) or max(products, default=0) > (
        _MAX_PLANES
    ):
        raise DamagedImageError(
            f"{path}: its OME metadata list more than {_MAX_PLANES:,} planes, so they are "
            f"damaged. {advice}"
        )


def _check_jpegs(tiff: TiffFile, path: Path, advice: str, max_gigabytes: float) -> None:
    """Refuse strips or tiles whose own JPEG header declares too many pixels."""
    handle = tiff.filehandle
    for page in tiff.pages:
        if page.keyframe is None or page.keyframe.compression not in _JPEG_CODECS:
            continue
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
            handle.seek(offset)
            declared = 3 * math.prod(jpeg_size(handle.read(min(count, _JPEG_HEAD))))
            check_claim(declared, handle.size, path, advice, max_gigabytes)


def _claimed_bytes(series: TiffPageSeries) -> int:
    """Return the bytes of memory that the pixels take."""
    page = series.keyframe
    samples = max(series.size, math.prod((*page.shape, 1)))
    tile = (page.tilewidth, page.tilelength, page.tiledepth) if page.is_tiled else (1,)
    return max(samples, math.prod(tile)) * ((page.bitspersample + 7) // 8)


def _check_end(series: TiffPageSeries, size: int, path: Path, advice: str) -> None:
    """Refuse uncompressed pixels that go beyond the end of the file."""
    page = series.keyframe
    end = _claimed_bytes(series) + (series.dataoffset or 0)
    if page.compression == 1 and page.bitspersample % 8 == 0 and end > size:
        raise DamagedImageError(
            f"{path}: truncated TIFF (its pixels need {end:,} bytes, and it has {size:,}). {advice}"
        )


def _check_pages(tiff: TiffFile, path: Path, advice: str) -> None:
    """Refuse a file with pages that its metadata do not name, which would not be read."""
    if len(tiff.series) != 1:
        return  # refused where images are read
    series, pages = tiff.series[0], len(tiff.pages)
    # Smaller copies of a pyramid are pages of their own, or hang on a page.
    levels = [level for level in series.levels if len(level.keyframe.treeindex) == 1]
    read = sum(level.size // max(1, level.keyframe.size) for level in levels)
    if series.kind == "ome":
        planes = [page.index for page in series.pages if page is not None]
        read += len(set(planes)) - series.size // max(1, series.keyframe.size)
        if len(planes) > len(set(planes)):
            raise DamagedImageError(
                f"{path}: its OME metadata list {len(planes)} planes in {len(set(planes))} pages: "
                f"several planes are the same page. {advice}"
            )
    if read < pages:
        source = {"ome": "OME metadata", "imagej": "ImageJ description"}
        raise DamagedImageError(
            f"{path}: holds {pages} pages, but its {source.get(series.kind, 'description')} "
            f"describes {read}, so {pages - read} would not be read. Export it again with metadata "
            "that name all channels, or remove its metadata and set input.axes."
        )


def _check_complete(tiff: TiffFile, path: Path, advice: str) -> None:
    """Refuse a TIFF that ends early, which tifffile would read as fewer pages or as zeros.

    A strip or tile may claim bytes beyond the end, as some writers give the last strip the size of
    a full one: whether its pixels are all there is then seen by the decoder.
    """
    size = tiff.filehandle.size
    beyond = False
    is_whole = _page_chain_is_whole(tiff)
    for page in tiff.pages if is_whole else ():
        is_exact = page.keyframe is not None and page.keyframe.compression in _EXACT_CODECS
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
            is_beyond = offset + count > size
            beyond |= is_beyond
            if count <= 0 or not 0 < offset < size or (is_beyond and not is_exact):
                is_whole = False
    if not is_whole:
        raise DamagedImageError(
            f"{path}: truncated TIFF (it points beyond its {size} bytes, or to pixels that were "
            f"never written). {advice}"
        )
    if beyond:
        logger.warning(
            "%s: the sizes of its strips or tiles go beyond the end of the file; it is read if "
            "all pixels are there",
            path,
        )


def _page_chain_is_whole(tiff: TiffFile) -> bool:
    """Follow the chain of page directories; return whether it ends inside the file."""
    handle, layout = tiff.filehandle, tiff.tiff
    handle.seek(layout.offsetsize)  # the first pointer: byte 4 in classic TIFF, 8 in BigTIFF
    seen: set[int] = set()
    while len(seen) <= _MAX_PLANES:
        pointer = handle.read(layout.offsetsize)
        if len(pointer) < layout.offsetsize:
            return False
        (offset,) = struct.unpack(layout.offsetformat, pointer)
        if offset == 0:
            return True
        if offset in seen or offset >= handle.size:
            return False
        seen.add(offset)
        handle.seek(offset)
        number = handle.read(layout.tagnosize)
        if len(number) < layout.tagnosize:
            return False
        (tags,) = struct.unpack(layout.tagnoformat, number)
        handle.seek(offset + layout.tagnosize + tags * layout.tagsize)
    return False
