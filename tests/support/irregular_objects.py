"""Images of irregular objects with their labels."""

import numpy as np
from scipy import ndimage

from moascope.segmentation.instances import tidied


def blobs(seed: int, height: int = 90, width: int = 110) -> tuple[np.ndarray, np.ndarray]:
    """Draw a 16-bit image of two channels with irregular objects, some touching the border."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=(height, width)), 4)
    y, x = np.mgrid[:height, :width]
    pieces = 1 + (y // 30) * 4 + x // 30
    labels = tidied((pieces * (smooth > 0)).astype(np.int32), 5, clear_border=False)
    image = rng.integers(100, 1000, (2, height, width)) + 3000 * (labels > 0)
    return image.astype(np.uint16), labels
