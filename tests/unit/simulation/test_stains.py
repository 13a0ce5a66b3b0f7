"""Stains of the synthetic screen show the phenotypes."""

import numpy as np
from scipy import ndimage
from simulated_fields import CONTROL, drawn, seen, strongest

from moascope.simulation import phenotypes


def brightness(treatment, channel):
    """Signal above the darkest tenth, per cell."""
    index = phenotypes.CHANNELS.index(channel)
    images = np.stack([images[index] for images, _, _ in drawn(treatment, 4)]).astype(float)
    light = (images - np.percentile(images, 10)).clip(0).sum()
    return light / treatment.stain[index] / seen(treatment, 4)["n_cells"]


def fibrous(treatment, channel):
    """Contrast of fine structure to that of cells as a whole."""
    index = phenotypes.CHANNELS.index(channel)
    images = np.stack([images[index] for images, _, _ in drawn(treatment, 4)]).astype(float)
    coarse = ndimage.gaussian_filter(images, (0, 4, 4))
    fine = ndimage.gaussian_filter(images, (0, 1, 1)) - ndimage.gaussian_filter(images, (0, 2, 2))
    return fine.std() / coarse.std()


def test_destabilizers_dissolve_the_fibres_of_tubulin_and_actin_inhibitors_those_of_actin():
    assert fibrous(strongest("DES-1"), "Tubulin") < 0.8 * fibrous(CONTROL, "Tubulin")
    assert fibrous(strongest("ACT-1"), "Actin") > 1.2 * fibrous(CONTROL, "Actin")  # clumps


def test_without_protein_synthesis_cells_are_dim():
    treated = strongest("PRO-1")
    assert brightness(treated, "Tubulin") < 0.75 * brightness(CONTROL, "Tubulin")
