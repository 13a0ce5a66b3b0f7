"""Images that tests of engines share."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def nuclei() -> tuple[np.ndarray, np.ndarray]:
    """Discs on a noisy 16-bit image, two of them touching, and their labels."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:128, :160]
    labels = np.zeros((128, 160), np.int32)
    for number, (cy, cx) in enumerate([(25, 25), (25, 43), (80, 40), (90, 110), (40, 120)], 1):
        labels[(y - cy) ** 2 + (x - cx) ** 2 <= 100] = number
    image = 300 + 2000 * (labels > 0) + rng.normal(0, 60, labels.shape)
    return image.astype(np.uint16)[np.newaxis], labels
