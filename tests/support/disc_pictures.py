"""Noisy pictures of discs."""

import numpy as np
from skimage.draw import disk


def draw_discs(diameter, side, n, seed):
    """Draw `n` bright discs (1, side, side) on a dark, noisy ground, with their labels."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((side, side), np.int32)
    step = side / np.ceil(np.sqrt(n))
    for number in range(n):
        row, column = divmod(number, int(np.ceil(np.sqrt(n))))
        centre = ((row + 0.5) * step, (column + 0.5) * step)
        labels[disk(centre, diameter / 2, shape=labels.shape)] = number + 1
    image = 100 + 400 * (labels > 0) + rng.normal(0, 10, labels.shape)
    return image[None].astype(np.float32), labels
