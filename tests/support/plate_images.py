"""Image files of a small plate."""

from pathlib import Path

import numpy as np
import pandas as pd
import tifffile

CHANNELS = ["DNA", "actin", "tubulin"]


WELLS = ["A01", "A01", "B12"]


def image(i: int, channel: int, shape: tuple[int, int] = (24, 32), dtype=np.uint16) -> np.ndarray:
    return np.random.default_rng([i, channel]).integers(0, 250, shape).astype(dtype)


def write_sites(folder: Path, images: list[list[np.ndarray]], wells: list[str]) -> pd.DataFrame:
    """One uncompressed TIFF per site and channel, and the table of sites."""
    rows = []
    for i, (planes, well) in enumerate(zip(images, wells, strict=True)):
        row: dict[str, object] = {"site_id": f"P 1/{well}/{i}", "plate": "P 1", "well": well}
        for channel, plane in zip(CHANNELS, planes, strict=False):
            path = folder / f"{i} {channel}.tif"
            tifffile.imwrite(path, plane)
            row |= {f"path:{channel}": str(path), f"index:{channel}": -1}
        rows.append(row)
    return pd.DataFrame(rows)
