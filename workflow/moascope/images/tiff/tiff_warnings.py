"""Warnings of tifffile, divided into those that mean altered pixels and those that do not."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from moascope.core.errors import DamagedImageError

# Tags that pixels depend on: sizes, types, offsets, colours, descriptions.
_PIXEL_TAGS = (
    r"25[4-9]|262|266|27[03478]|279|28[04]|31[67]|32[0-5]|33[089]|347|529|530|3299[67]|50838"
)

HARMLESS: tuple[tuple[str, str], ...] = (
    (rf"<tifffile\.TiffTag (?!({_PIXEL_TAGS}) )\d+ @", "a tag that no pixel depends on"),
    (r"TiffTag \d+ @\S+ coercing invalid ASCII", "a text in another encoding"),
    (r"<TiffTag\.fromfile> raised", "a tag of an unknown type; pages check the tags they need"),
    (r"OME series raised", "metadata that are no XML; pages are read without them"),
    (r"invalid shaped series metadata", "pages without a description; all are then read as pages"),
    (r"invalid self\.subfiletype|invalid self\.\S*subfiletype", "what a page is used for"),
    (r"estimating ByteCounts", "the decoder stops by itself, or fails"),
    (r"GDAL_NODATA", "a value of geographic images"),
    (r"GeoKeyDirectoryTag", "coordinates of geographic images"),
    (r"<get_resolution> raised", "the resolution for print"),
    (r"imagej_metadata> raised", "labels and look-up tables; sizes stand in the description"),
    (r"(fluoview|eer_xml)_metadata", "metadata of a microscope that are not read here"),
    (r"<(nuvu|andor|epics|ndpi)_tags> raised", "metadata of a camera that are not read here"),
    (r"STK Datetime|read_uic_?1?tag|read_uic_tag", "dates and names of MetaMorph"),
    (r"read_lsm_(timestamps|channelcolors|lookuptable|scaninfo)|LSM SubBlock", "LSM metadata"),
    (r"(olympus_ini|scanimage_artist)_metadata|ScanImage series raised", "metadata"),
    (r"read_tvips_header", "metadata of a camera that are not read here"),
    (r"read_micromanager_metadata", "metadata of Micro-Manager that are not read here"),
    (r"read_(utf8|json)> raised", "a text in another encoding"),
    (r"read_colormap> unexpected", "the colours of a palette, which are checked where used"),
    (r"MMStack (multi-file series cannot|file name is invalid)", "each file is read for itself"),
    (r"NDTiff\.index not found", "each file is read for itself"),
    (r"correcting LSM bitspersample", "a known fault of LSM files, and the right number"),
    (r": (invalid string|invalid value|duplicate key)", "FITS-like headers that are not read here"),
    (r"contains no pages", "an empty file, which is refused for its lack of pixels"),
)
"""Patterns of messages after which the pixels are those of the file, with the reason."""

ALTERED: tuple[tuple[str, str], ...] = (
    (rf"TiffTag ({_PIXEL_TAGS}) @", "a tag that says where pixels are cannot be read"),
    (r"OME series is missing", "the OME metadata promise more planes than the file holds"),
    (r"OME series contains index out of range", "the OME metadata name pages that are missing"),
    (r"OME series expected", "the OME metadata promise fewer planes than they list"),
    (r"OME series contains invalid TiffData", "the OME metadata list planes that cannot be"),
    (r"OME series cannot handle", "the OME metadata speak of another size than the pages have"),
    (r"OME series (failed to read|level)", "other files of an OME-TIFF set are missing"),
    (r"ImageJ series metadata invalid", "ImageJ's description promises more than the file holds"),
    (r"ImageJ series of unknown order", "the order of ImageJ's planes is unknown"),
    (r"shaped series|shape(d)? metadata", "the description promises another shape"),
    (r"failed to reshape", "the description promises another shape"),
    (r"MMStack (series is missing|is missing)", "pages of a Micro-Manager stack are missing"),
    (r"NDTiff\.index (axes_dict|has no)|read_ndtiff_index", "an index of planes is damaged"),
    (r"(AVS|Philips|Indica|SVS|BIF) series|generic series raised", "parts of a slide are missing"),
    (r"LSM file incompletely written", "pages are missing"),
    (r"missing (data offset|data ByteCounts|ByteCounts) tag", "the place of pixels is missing"),
    (r"incorrect Strip(ByteCounts|Offsets) count", "the number of strips is wrong"),
    (r"is missing required tags", "a page lacks tags"),
    (r"ignoring predictor", "pixels would stay encoded"),
    (r"SonyRawFileType|not supported|ndpi_jpeg_tile", "a raw format that is not read fully"),
    (r"_load_virtual_frames|_ndpi_load_pages", "pages are missing"),
    (r"invalid SubIFDs", "smaller copies of the image are damaged"),
    (r"corrupted tag list|invalid (page )?offset|invalid circular", "pages are missing"),
    (r"read_segments|failed to read", "pixels are missing"),
    (r"read_tags|could not read all values|invalid (data type|next page)", "a tag is damaged"),
    (r"invalid (data type|value offset).* for tag", "a tag is damaged"),
    (r"unknown orientation", "the image would not be turned"),
    (r"cannot apply subsampling|not writing extratag", "writing only"),
)
"""Patterns of messages after which pixels are missing, zero or elsewhere, with the meaning.

A message that neither table knows counts as altered.
"""


class TiffWarnings(logging.Handler):
    """The warnings of tifffile about one file, in one thread.

    Parameters
    ----------
    path : pathlib.Path
        The file that is read.
    advice : str
        Advice on an incomplete file, for the message.
    """

    def __init__(self, path: Path, advice: str) -> None:
        super().__init__(logging.WARNING)
        self._thread = threading.get_ident()
        self._path, self._advice = path, advice
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message of a record of this thread."""
        if record.thread == self._thread:
            self.messages.append(record.getMessage())

    def check(self) -> None:
        """Raise an ImageError if one of the warnings so far means altered pixels."""
        for message in dict.fromkeys(self.messages):
            fault = meaning(message)
            if fault is not None:
                plain = re.sub(r"<tifffile\.Tiff(File|Page|Frame|Pages)[^>]*> ?", "", message)
                raise DamagedImageError(
                    f"{self._path}: incomplete: {fault} (tifffile: {plain.strip()}). {self._advice}"
                )


def meaning(message: str) -> str | None:
    """Return the meaning of a warning of tifffile for the pixels.

    Parameters
    ----------
    message : str
        As logged.

    Returns
    -------
    str or None
        The pixels that may be wrong; None where all are those of the file.
    """
    if any(re.search(pattern, message) for pattern, _ in HARMLESS):
        return None
    known = (fault for pattern, fault in ALTERED if re.search(pattern, message))
    return next(known, "tifffile warns of something unknown")


@contextmanager
def no_altered_pixels(path: Path, advice: str) -> Iterator[TiffWarnings]:
    """Refuse a TIFF whose pixels tifffile makes up or leaves out, which it only logs.

    Parameters
    ----------
    path : pathlib.Path
        The file that is read inside, in this thread.
    advice : str
        Advice on an incomplete file, for the message.

    Yields
    ------
    TiffWarnings
        The warnings so far; `check` raises before the block ends.

    Raises
    ------
    ImageError
        When the block ends, if there was such a warning.
    """
    warnings = TiffWarnings(path, advice)
    logger = logging.getLogger("tifffile")
    logger.addHandler(warnings)
    try:
        yield warnings
    finally:
        logger.removeHandler(warnings)
    warnings.check()
