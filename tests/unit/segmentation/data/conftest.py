"""Files of four annotated images, with their sheet."""

import numpy as np
import pytest
from annotated_images import RNG, SETS, SIZES, labels_of, png

from moascope.segmentation.data.sheet import SheetOptions


@pytest.fixture
def folder(tmp_path):
    """Write four 16-bit images of different size with masks, and a sheet of them."""
    lines = ["id,set"]
    for name, size in SIZES.items():
        image = RNG.integers(100, 5000, size).astype(np.uint16)
        png(tmp_path / "images" / f"{name}.png", image)
        png(tmp_path / "masks" / f"{name}.png", labels_of(size))
        lines.append(f"{name},{SETS[name]}")
    (tmp_path / "sheet.csv").write_text("\n".join(lines))
    return tmp_path


@pytest.fixture
def options(folder):
    return SheetOptions(folder, "images/{id}.png", "masks/{id}.png", set_column="set")
