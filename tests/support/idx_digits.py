"""Small IDX files, for tests of images that many lie in one file."""

import gzip
import struct
from pathlib import Path

import numpy as np


def idx_bytes(values, code=8):
    """Return an array of unsigned bytes in the format IDX, by its published description."""
    head = bytes([0, 0, code, values.ndim]) + b"".join(struct.pack(">I", n) for n in values.shape)
    return head + values.astype(np.uint8).tobytes()


def write_set(folder: Path, name: str, n: int, seed: int = 0, compress: bool = False, side=28):
    """Write n random images and labels as one set; return both arrays."""
    rng = np.random.default_rng([seed, n])
    images = rng.integers(0, 256, (n, side, side), dtype=np.uint8)
    labels = (np.arange(n) % 3).astype(np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    for values, kind in ((images, "images-idx3"), (labels, "labels-idx1")):
        content = idx_bytes(values)
        suffix = ".gz" if compress else ""
        path = folder / f"{name}-{kind}-ubyte{suffix}"
        path.write_bytes(gzip.compress(content) if compress else content)
    return images, labels
