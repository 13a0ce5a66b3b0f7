"""Smooth noise and curved filaments."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import fft


@lru_cache(maxsize=16)
def _low_pass(size: int, sd: float) -> np.ndarray:
    """Compute the transfer function that turns white noise into smooth noise of unit variance."""
    squared = fft.fftfreq(size) ** 2
    transfer = np.exp(-2 * (np.pi * sd) ** 2 * (squared[:, None] + squared))
    return (transfer / np.sqrt((transfer**2).mean()))[:, : size // 2 + 1].astype(np.float32)


def draw_smooth_noise(size: int, sd: float, rng: np.random.Generator) -> np.ndarray:
    """Draw Gaussian noise of unit variance and correlation length `sd` pixels, (size, size)."""
    white = rng.standard_normal((size, size), dtype=np.float32)
    return fft.irfft2(fft.rfft2(white) * _low_pass(size, sd), s=(size, size)).astype(np.float32)


def draw_filaments(
    angle: np.ndarray, noise: np.ndarray, where: np.ndarray, steps: int = 8
) -> np.ndarray:
    """Draw curved filaments by smearing noise along a field of directions.

    Line integral convolution (Cabral and Leedom 1993) with nearest-neighbour sampling.

    Parameters
    ----------
    angle : numpy.ndarray of float, (size, size)
        Direction at each pixel in radians; only modulo pi matters.
    noise : numpy.ndarray of float, (size, size)
        Noise of zero mean.
    where : numpy.ndarray of bool, (size, size)
        Pixels to compute; the others stay 0.
    steps : int
        Steps of two pixels to each side.

    Returns
    -------
    numpy.ndarray of float32, (size, size)
        Unit variance over these pixels.
    """
    size = len(noise)
    dy, dx = (2 * f(angle, dtype=np.float32).ravel() for f in (np.sin, np.cos))
    values = noise.ravel()
    pixels = np.flatnonzero(where)
    row, column = (part.astype(np.float32) + 0.5 for part in np.divmod(pixels, size))
    total = values[pixels]
    for sign in (1, -1):
        step_y, step_x = sign * dy[pixels], sign * dx[pixels]
        y, x = row.copy(), column.copy()
        for step in range(steps):
            np.clip(np.add(y, step_y, out=y), 0, size - 0.5, out=y)
            np.clip(np.add(x, step_x, out=x), 0, size - 0.5, out=x)
            index = y.astype(np.int32) * size + x.astype(np.int32)
            total += values[index]
            if step < steps - 1:
                next_y, next_x = dy[index], dx[index]
                # A direction has no sign: keep going the way we came.
                onward = np.copysign(np.float32(1), next_y * step_y + next_x * step_x)
                step_y, step_x = onward * next_y, onward * next_x
    filaments = np.zeros(size * size, dtype=np.float32)
    filaments[pixels] = total / (total.std() + 1e-6) if len(pixels) else 0
    return filaments.reshape(size, size)
