"""Stains of a simulated field: DNA, actin and tubulin."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from moascope.simulation.cells import Scene
from moascope.simulation.noise import draw_filaments, draw_smooth_noise


def _body(scene: Scene) -> np.ndarray:
    """Compute the thickness of the cell at each pixel: about 1 if flat, more if round."""
    rounded = scene.of_cell(scene.cells.rounded | scene.cells.apoptotic)
    flat = np.clip((1 - scene.depth) * 5, 0, 1) ** 0.7
    ball = 3.2 * np.sqrt(np.clip(1 - scene.depth**2, 0, 1))
    return np.where(scene.cell > 0, np.where(rounded > 0, ball, flat), 0).astype(np.float32)


def stain_dna(scene: Scene) -> np.ndarray:
    """Draw chromatin: textured nuclei with dark nucleoli, or condensed chromosomes."""
    cells, noise, owner, depth = scene.cells, scene.noise, scene.owner, scene.nuclear_depth
    rounded = scene.of_nucleus(cells.rounded[owner]) > 0
    apoptotic = scene.of_nucleus(cells.apoptotic[owner]) > 0
    # The same DNA in a larger nucleus is dimmer, if it is not more DNA.
    amount = scene.of_nucleus((cells.nucleus[owner] / 11.5) ** -0.6)
    disc = np.clip((1 - depth) * 5, 0, 1)
    holes = np.clip((noise.small - 0.7) * 1.6, 0, 1) * (depth < 0.85)
    holes *= 0.4 * scene.of_nucleus(cells.nucleoli[owner])
    texture = np.clip(1 + 0.13 * noise.fine + 0.06 * noise.medium - holes, 0.1, None)
    interphase = amount * disc * (1 - 0.2 * depth**2) * texture
    ring = np.exp(-(((depth - 0.68) / 0.24) ** 2)) if cells.arrest == "ring" else disc
    condensed = 2.4 * ring * np.clip(1 + 0.3 * noise.medium, 0, None)
    chromatin = np.where(apoptotic, 3 * disc, np.where(rounded, condensed, interphase))
    return np.where(scene.nucleus > 0, chromatin, 0.015 * _body(scene)).astype(np.float32)


def stain_actin(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Draw filamentous actin: cortex, ruffles at free edges, stress fibres, clumps."""
    cells, noise, size = scene.cells, scene.noise, len(scene.cell)
    rounded = scene.of_cell(cells.rounded | cells.apoptotic) > 0
    cortex = np.exp(-((_distance_to_border(scene.cell) / 1.6) ** 2))
    cortex *= np.clip(0.9 + 0.5 * noise.medium, 0, None)
    ruffles = np.clip((scene.depth - 0.72) / 0.28, 0, 1) ** 2
    ruffles *= np.clip(0.5 + 0.9 * noise.coarse + 0.4 * noise.fine, 0, None)
    axis = scene.of_cell(cells.angle) + 0.4 * noise.broad
    strands = draw_filaments(axis, draw_smooth_noise(size, 0.6, rng), scene.cell > 0)
    stress = np.clip(strands - 0.2, 0, None) ** 1.2 * np.clip(0.7 + 0.5 * noise.coarse, 0, None)
    clumps = 2.2 * np.clip(draw_smooth_noise(size, 1.5, rng) - 1.2, 0, None)
    clumps *= scene.of_cell(cells.puncta) * np.clip(1.2 - scene.depth, 0.2, None)
    mottle = np.clip(1 + 0.16 * noise.fine + 0.16 * noise.medium + 0.2 * noise.coarse, 0, None)
    flat = (
        0.32 * mottle
        + 0.9 * scene.of_cell(cells.cortex) * (cortex + ruffles)
        + 0.42 * scene.of_cell(cells.stress) * stress
        + 1.5 * clumps
    )
    flat = flat * np.where(scene.nucleus > 0, 0.7, 1.0)
    ball = (0.12 + 0.38 * scene.depth**3) * mottle + clumps
    return _body(scene) * scene.of_cell(cells.protein) * np.where(rounded, ball, flat)


def stain_tubulin(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Draw microtubules: a network around the nucleus, spindles and asters, bundles or haze."""
    cells, noise, size = scene.cells, scene.noise, len(scene.cell)
    rounded = scene.of_cell(cells.rounded) > 0
    bundles, fibres = scene.of_cell(cells.bundles), scene.of_cell(cells.fibres)
    y, x = scene.from_centre()
    radius, radial = np.hypot(y, x), np.arctan2(y, x)
    nucleus = np.maximum(scene.of_cell(cells.nucleus), 1)
    bundled = (bundles > 0.3) & ~rounded
    present = scene.cell > 0
    thick, thin = draw_smooth_noise(size, 1.1, rng), draw_smooth_noise(size, 0.55, rng)
    course = _microtubule_course(scene, radius / nucleus, radial, bundled)
    along = draw_filaments(
        np.where(rounded, radial, course), np.where(bundled, thick, thin), present
    )
    across = draw_filaments(radial + 0.9 + 0.9 * noise.broad, thin[::-1], present)
    mesh = np.clip(0.3 + 0.75 * along, 0, None) + np.clip(0.2 + 0.75 * across, 0, None)
    ropes = 2.8 * np.clip(along - 0.35, 0, None)
    basket = np.exp(-(((radius - 1.1 * nucleus) / (0.75 * nucleus)) ** 2))
    unpolymerised = 0.5 * (1 - np.clip(fibres, 0, 1)) * (0.8 + 0.2 * noise.medium)
    network = 0.55 * fibres * (0.3 + 0.8 * basket) * ((1 - bundles) * mesh + bundles * ropes)
    flat = 0.2 + 0.3 * basket + unpolymerised + network + 0.6 * bundles * ropes
    flat = flat * np.where(scene.nucleus > 0, 0.6, 1.0)
    aster = 0.15 + fibres * np.exp(-radius / 6) * (0.9 + 1.1 * np.clip(along, -0.8, None))
    ball = np.where(fibres > 0.5, aster, 0.6 + 0.1 * noise.medium)
    return _body(scene) * scene.of_cell(cells.protein) * np.where(rounded, ball, flat)


def _microtubule_course(
    scene: Scene, distance: np.ndarray, radial: np.ndarray, bundled: np.ndarray
) -> np.ndarray:
    """Compute the direction of microtubules at each pixel, in radians.

    Near the nucleus (`distance` 1) they wind around it, farther out they run to the cell border
    (`radial`); bundles follow the long axis of the cell instead.
    """
    wound = np.exp(-(((distance - 1.15) / 0.4) ** 2))
    axis = scene.of_cell(scene.cells.angle) + 0.5 * scene.noise.broad
    outward = np.where(bundled | (distance < 1), axis, radial) + 0.5 * scene.noise.coarse
    # Directions without a sign are averaged as doubled angles; minus turns by a right angle.
    return np.angle((1 - wound) * np.exp(2j * outward) - wound * np.exp(2j * radial)) / 2


def defocus_raised(stains: np.ndarray, scene: Scene) -> np.ndarray:
    """Compute the blur of rounded cells, which are above the focal plane."""
    raised = scene.of_cell(scene.cells.rounded | scene.cells.apoptotic) > 0
    if not raised.any():
        return stains
    above = np.stack([ndimage.gaussian_filter(stain * raised, 0.8, truncate=3) for stain in stains])
    return np.where(raised, 0, stains) + above


def _distance_to_border(label: np.ndarray) -> np.ndarray:
    """Compute the distance of each pixel from the next change of label, in pixels."""
    border = np.zeros(label.shape, dtype=bool)
    border[:-1] |= label[:-1] != label[1:]
    border[:, :-1] |= label[:, :-1] != label[:, 1:]
    if not border.any():
        return np.full(label.shape, np.inf)
    return ndimage.distance_transform_edt(~border)
