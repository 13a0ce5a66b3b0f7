"""Images with known content, for tests of quality."""

import numpy as np
from scipy import ndimage


def cells(rng, n=1, side=96, count=12, blur=1.0, gain=1500.0, noise=True):
    """Bright discs on a dim background, (n, 1, side, side) uint16, as a camera sees them."""
    y, x = np.mgrid[:side, :side]
    images = np.zeros((n, side, side))
    for image in images:
        for cy, cx, radius in zip(
            *rng.uniform(0, side, (2, count)), rng.uniform(4, 8, count), strict=True
        ):
            image[np.hypot(y - cy, x - cx) < radius] = 1
    seen = ndimage.gaussian_filter(images, (0, blur, blur)) * gain + 60
    counts = rng.poisson(seen) + rng.normal(100, 3, seen.shape) if noise else seen
    return np.clip(np.rint(counts), 0, 65535).astype(np.uint16)[:, None]


def brightfield(rng, n=1, side=96, count=12, level=3000.0):
    """Dark, textured discs on a bright background, (n, 1, side, side) uint16."""
    y, x = np.mgrid[:side, :side]
    images = np.full((n, side, side), level)
    for image in images:
        for cy, cx, radius in zip(
            *rng.uniform(0, side, (2, count)), rng.uniform(4, 8, count), strict=True
        ):
            inside = np.hypot(y - cy, x - cx) < radius
            image[inside] = level * rng.uniform(0.5, 0.8, inside.sum())
    seen = ndimage.gaussian_filter(images, (0, 1, 1))
    return np.clip(np.rint(rng.poisson(seen)), 0, 65535).astype(np.uint16)[:, None]
