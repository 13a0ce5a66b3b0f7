"""Label images of discs, and maps as a perfect network predicts them."""

import numpy as np
from scipy import ndimage


def discs(size: int, centres: list[tuple[int, int]], radius: int) -> np.ndarray:
    """Label discs; where they touch, each pixel belongs to the nearest centre."""
    y, x = np.mgrid[:size, :size]
    away = np.stack([np.hypot(y - cy, x - cx) for cy, cx in centres])
    return np.where(away.min(axis=0) <= radius, away.argmin(axis=0) + 1, 0).astype(np.int32)


def perfect_maps(labels: np.ndarray) -> dict[str, np.ndarray]:
    """Compute the maps that a perfect network would predict, object by object."""
    distance = np.zeros(labels.shape, np.float32)
    for label in range(1, labels.max() + 1):
        inside = ndimage.distance_transform_edt(np.pad(labels == label, 1))[1:-1, 1:-1]
        distance += inside / inside.max()
    inner = distance > 0.3
    classes = np.stack([labels == 0, inner, (labels > 0) & ~inner], axis=-1)
    return {"classes": classes.astype(np.float32), "distance": distance}


TOUCHING = discs(96, [(20, 20), (20, 38), (60, 30), (70, 75), (52, 75)], 11)
MAPS = perfect_maps(TOUCHING)
