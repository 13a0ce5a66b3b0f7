"""Files of annotated images, and sets of them."""

from pathlib import Path

import imagecodecs
import numpy as np
import pandas as pd

from moascope.segmentation.data.dataset import write

RNG = np.random.default_rng(0)
SIZES = {"a": (20, 30), "b": (40, 25), "c": (16, 16), "d": (20, 30)}
SETS = {"a": "train", "b": "train", "c": "val", "d": "test"}


def png(path: Path, array: np.ndarray) -> Path:
    """Write a PNG file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(array)))
    return path


def labels_of(size: tuple[int, int]) -> np.ndarray:
    """Label two rectangles, 40 and 7."""
    labels = np.zeros(size, np.uint16)
    labels[2:6, 2:6], labels[8:12, 3:9] = 40, 7
    return labels


def pack(folder: Path, rows: pd.DataFrame, **more) -> pd.DataFrame:
    """Pack a set of one channel."""
    return write(rows, ["DNA"], folder / "set.h5", folder / "set.parquet", **more)
