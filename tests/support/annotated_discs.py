"""A small annotated set of bright discs, for tests of segmentation networks."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage

from moascope.segmentation.data import dataset
from moascope.segmentation.data.annotated_set import AnnotatedSet
from moascope.segmentation.data.masks import Mask


def discs(shape: tuple[int, int], n: int, rng: np.random.Generator) -> np.ndarray:
    """Label discs of radius 6, some of them touching."""
    labels = np.zeros(shape, np.int32)
    y, x = np.indices(shape)
    for _ in range(n):
        middle = rng.uniform(0, 1, 2) * shape
        inside = np.hypot(y - middle[0], x - middle[1]) < 6
        if not labels[inside].any() and inside.sum() > 60:
            labels[inside] = labels.max() + 1
    return labels


def write_discs(
    folder: Path,
    sets: tuple[str, ...] = ("train",) * 4 + ("validation",) * 2,
    channels: tuple[str, ...] = ("DNA",),
    shapes: tuple[tuple[int, int], ...] = ((64, 80),),
) -> AnnotatedSet:
    """Write images of uint16, the last one of each set without objects."""
    rng = np.random.default_rng(0)
    pairs = []
    for i, name in enumerate(sets):
        shape = shapes[i % len(shapes)]
        is_empty = i > 0 and (i + 1 == len(sets) or sets[i + 1] != name)
        labels = discs(shape, 0 if is_empty else 14, rng)
        smooth = ndimage.gaussian_filter((labels > 0).astype(float), 0.7)
        image = [3000 * smooth / (c + 1) + rng.normal(500, 50, shape) for c in range(len(channels))]
        pairs.append((np.stack(image).astype(np.uint16), Mask(labels)))
    numbers = range(len(sets))
    names = [str(number) for number in numbers]
    rows = pd.DataFrame(
        {"name": names, "set": sets, "group": names, "image": numbers, "mask": numbers}
    )
    paths = folder / "discs.h5", folder / "discs.parquet"
    dataset.write(
        rows,
        list(channels),
        *paths,
        read_image=lambda i: pairs[i][0],
        read_labels=lambda i: pairs[i][1],
    )
    return AnnotatedSet(*paths)
