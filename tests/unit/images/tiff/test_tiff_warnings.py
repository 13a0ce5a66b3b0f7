"""Warnings of tifffile: every one in its source is sorted, and altered pixels end the reading."""

import ast
import logging
import re
from pathlib import Path

import pytest
import tifffile.tifffile as source

from moascope.core.errors import ImageError
from moascope.images.tiff.tiff_warnings import ALTERED, HARMLESS, meaning, no_altered_pixels


def _text(node: ast.expr) -> str:
    """A message with 0 for all that is filled in."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        parts = []
        for part in node.values:
            if isinstance(part, ast.Constant):
                parts.append(str(part.value))
            elif ast.unparse(part.value) == "code":
                parts.append("256")
            else:
                parts.append("<tifffile.TiffPage 0 @8>" if "self" in ast.unparse(part) else "0")
        return "".join(parts)
    if isinstance(node, ast.BinOp):
        return _text(node.left) + _text(node.right)
    return ""


def _messages() -> list[str]:
    """All that tifffile may log as a warning or an error."""
    tree = ast.parse(Path(source.__file__).read_text())
    found = [
        _text(node.args[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("warning", "error")
        and ast.unparse(node.func.value) == "logger()"
    ]
    # The two whose text is put together before.
    named = [
        "<tifffile.TiffTag 256 @0> invalid data type",
        "<tifffile.TiffTag 256 @0> invalid value",
    ]
    return [text for text in found if text.strip("0 ")] + named


def test_every_warning_in_the_source_of_tifffile_is_sorted():
    messages = _messages()
    assert len(messages) > 90
    known = [pattern for pattern, _ in (*HARMLESS, *ALTERED)]
    unknown = [text for text in messages if not any(re.search(p, text) for p in known)]
    assert unknown == []


def test_every_pattern_matches_a_warning():
    messages = [*_messages(), "<tifffile.TiffTag 50000 @0> raised"]
    unused = [p for p, _ in (*HARMLESS, *ALTERED) if not any(re.search(p, m) for m in messages)]
    assert unused == []


@pytest.mark.parametrize(
    ("message", "what"),
    [
        ("<tifffile.TiffTag 65000 @8> invalid value offset 9", None),
        ("<tifffile.TiffTag 273 @8> invalid value offset 9", "where pixels are"),
        ("OME series is missing 2 frames. Missing data are zeroed", "promise more planes"),
        ("a message of a later version", "something unknown"),
    ],
)
def test_what_a_warning_means(message, what):
    assert (meaning(message) is None) if what is None else what in str(meaning(message))


def test_a_warning_of_altered_pixels_names_the_file_and_what_is_missing():
    logger = logging.getLogger("tifffile")
    with pytest.raises(ImageError) as caught, no_altered_pixels(Path("a.tif"), "Copy it again."):
        logger.warning("<tifffile.TiffFile 'a.tif'> OME series is missing 2 frames.")
    assert str(caught.value) == (
        "a.tif: incomplete: the OME metadata promise more planes than the file holds (tifffile: "
        "OME series is missing 2 frames.). Copy it again."
    )


def test_harmless_warnings_pass():
    with no_altered_pixels(Path("a.tif"), ""):
        logging.getLogger("tifffile").warning("<get_resolution> raised ZeroDivisionError")
