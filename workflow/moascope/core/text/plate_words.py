"""Words of messages for plates."""

from __future__ import annotations

import re


def plate_words(plate: str) -> str:
    """Return the words of messages for a plate, or for a part of images without plates."""
    is_part = re.fullmatch(r"part-\d+-of-\d+", plate)
    return plate.replace("-", " ").capitalize() + " of the images" if is_part else f"plate {plate}"
