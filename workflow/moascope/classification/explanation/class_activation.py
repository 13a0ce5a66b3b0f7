"""Maps of the last feature maps of a network, weighted by their part in the logit of a class."""

from __future__ import annotations

import numpy as np

from moascope.classification.explanation.options import Explain
from moascope.classification.explanation.subject import Subject
from moascope.core.errors import InputError
from moascope.images.resampling import resize

_TOLERANCE = 1e-3
"""Largest difference between gradients that are taken to be equal, as a share of the largest."""


def draw_grad_cam(
    subject: Subject, units: np.ndarray, targets: np.ndarray, options: Explain
) -> np.ndarray:
    """Draw Grad-CAM maps (Selvaraju et al. 2017).

    Parameters
    ----------
    subject : Subject
        The network.
    units : numpy.ndarray
        float `(n, H, W, C)`, nominal range [0, 1].
    targets : numpy.ndarray
        int `(n,)`, class to explain.
    options : Explain
        Not used.

    Returns
    -------
    numpy.ndarray
        float32 `(n, H, W)`, not negative: evidence for the class.
    """
    found = subject.differentiate(units, targets)
    weights = found.by_map.mean(axis=(1, 2), keepdims=True)
    return _enlarge((found.maps * weights).sum(axis=-1), units.shape[1:3])


def draw_class_activation(
    subject: Subject, units: np.ndarray, targets: np.ndarray, options: Explain
) -> np.ndarray:
    """Draw class activation maps (Zhou et al. 2016), whose sum is the logit but for its bias.

    Parameters
    ----------
    subject, units, targets, options
        As for `draw_grad_cam`.

    Returns
    -------
    numpy.ndarray
        As of `draw_grad_cam`.

    Raises
    ------
    InputError
        If the head is not linear on the mean over positions.
    """
    found = subject.differentiate(units, targets)
    # With a linear head on means, the gradients are weights: equal at all positions of all images.
    noise = np.random.default_rng(0).random((8, *units.shape[1:])).astype(np.float32)
    noise *= np.linspace(-4, 4, 8, dtype=np.float32)[:, None, None, None]  # on all sides of kinks
    weights = np.zeros_like(found.by_map[:, :1, :1])
    is_linear = True
    for target in np.unique(targets):
        probed = subject.differentiate(noise, np.full(len(noise), target)).by_map
        own = np.concatenate([found.by_map[targets == target], probed])
        allowed = _TOLERANCE * np.abs(own).max()
        is_linear &= bool(np.abs(own - own[:1, :1, :1]).max() <= allowed)
        weights[targets == target] = own[0, 0, 0]
    if not is_linear:
        raise InputError(
            f"explain.methods: class-activation cannot explain {subject.name}, whose head is not "
            "linear on the mean of the feature maps. Fix: use grad-cam instead."
        )
    return _enlarge((found.maps * weights).sum(axis=-1), units.shape[1:3])


def _enlarge(maps: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Resize maps `(n, h, w)` to units, and keep what speaks for the class."""
    return resize(np.maximum(maps, 0).astype(np.float32), shape)
