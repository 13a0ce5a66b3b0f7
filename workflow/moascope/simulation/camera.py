"""Cameras of a simulated screen, with the faults of real ones."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from moascope.simulation.phenotypes import CHANNELS, Treatment


@dataclass(frozen=True)
class Camera:
    """Optics and sensor of one plate; arrays hold one value per channel, as in `CHANNELS`."""

    gain: np.ndarray  # electrons per unit of stain
    background: np.ndarray  # electrons
    vignetting: np.ndarray  # share of light lost in the corners
    centre: np.ndarray  # (2,) optical axis, share of the field
    focus: float  # sd of the blur, pixels
    glow: float = 0.15  # share of light from out of focus planes, as in any widefield image
    offset: float = 100.0  # counts
    counts_per_electron: float = 4.0
    read_noise: float = 3.0  # electrons
    full_scale: int = 65535  # counts


def draw_camera(seed: int, batch: int, rng: np.random.Generator) -> Camera:
    """Draw the staining and imaging conditions of one plate around those of its batch."""
    shift = np.random.default_rng([seed, 4, batch])
    n = len(CHANNELS)
    batch_gain = np.exp(shift.normal(0, 0.25, n))
    batch_background = np.exp(shift.normal(0, 0.3, n))
    return Camera(
        gain=np.array([700.0, 800.0, 900.0]) * batch_gain * np.exp(rng.normal(0, 0.15, n)),
        background=np.array([70.0, 90.0, 80.0]) * batch_background * np.exp(rng.normal(0, 0.15, n)),
        vignetting=shift.uniform(0.12, 0.3, n),
        centre=shift.uniform(0.4, 0.6, 2),
        focus=float(shift.uniform(0.65, 0.8)),
    )


@dataclass(frozen=True)
class Condition:
    """Imaging conditions of one well."""

    camera: Camera
    density: float  # cells per field relative to a healthy well of usual density
    problem: str


def vary_condition(
    camera: Camera, treatment: Treatment, problem: str, rng: np.random.Generator
) -> Condition:
    """Draw the conditions of a well around those of its plate, with its planted problem."""
    n = len(CHANNELS)
    gain = camera.gain * np.exp(rng.normal(0, 0.2, n)) * np.asarray(treatment.stain)
    background = camera.background * np.exp(rng.normal(0, 0.15, n))
    focus = camera.focus * float(np.exp(rng.normal(0, 0.08)))
    density = float(np.exp(np.clip(rng.normal(0, 0.22), -0.5, 0.4)))
    if problem == "out-of-focus":
        focus = float(rng.uniform(6, 8))
    elif problem == "saturated":
        gain = camera.gain * 50
    elif problem == "empty":
        density = 0.0
    return Condition(
        replace(camera, gain=gain, background=background, focus=focus), density, problem
    )


def photograph(stains: np.ndarray, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """Compute the image of a camera: blur, uneven light, shot noise and read noise.

    Parameters
    ----------
    stains : array (channels, size, size), float
        Relative signal; 1 is the body of a healthy cell.
    camera : Camera
        Optics and sensor.
    rng : numpy.random.Generator
        Source of the noise.

    Returns
    -------
    array (channels, size, size), uint16
        Counts.
    """
    size = stains.shape[-1]
    grid = np.linspace(0, 1, size, dtype=np.float32)
    off_axis = (grid[:, None] - camera.centre[0]) ** 2 + (grid[None, :] - camera.centre[1]) ** 2
    images = np.empty(stains.shape, dtype=np.uint16)
    for c, stain in enumerate(stains):
        light = 1 - camera.vignetting[c] * off_axis / 0.5
        sharp = ndimage.gaussian_filter(stain.astype(np.float32), camera.focus, truncate=3)
        glow = ndimage.zoom(ndimage.gaussian_filter(sharp[::4, ::4], 2, truncate=2.5), 4, order=1)
        seen = (1 - camera.glow) * sharp + camera.glow * glow[:size, :size]
        electrons = (camera.gain[c] * seen + camera.background[c]) * light
        noisy = rng.poisson(electrons) + rng.normal(0, camera.read_noise, stain.shape)
        counts = camera.offset + camera.counts_per_electron * noisy
        images[c] = np.clip(np.rint(counts), 0, camera.full_scale)
    return images
