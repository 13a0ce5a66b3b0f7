"""Class activation maps show what a network sees."""

import numpy as np
import planted_task
import pytest

from moascope.classification.explanation import class_activation
from moascope.classification.explanation.options import Explain
from moascope.classification.explanation.subject import Subject
from moascope.core.errors import InputError

DRAW = [class_activation.draw_class_activation, class_activation.draw_grad_cam]


def subject(model):
    return Subject("m", model, planted_task.CHANNELS, np.array([0.5, 0.5]))


def share_on(maps, masks):
    """The share of the mass of the maps that lies on the masks."""
    return float((maps * masks).sum() / maps.sum())


@pytest.mark.parametrize("draw", DRAW)
def test_most_of_the_mass_lies_on_the_planted_discs(draw):
    model = planted_task.trained()
    units, masks, labels = planted_task.make_units(24, seed=7)
    assert (model.predict(units, verbose=0).argmax(axis=1) == labels).mean() == 1
    maps = draw(subject(model), units, labels, Explain())
    assert maps.shape == masks.shape
    assert maps.min() >= 0
    # Blurred by the two convolutions and the resizing: a margin of 3 px around a disc counts.
    wide = np.stack([_dilate(mask, 3) for mask in masks])
    assert share_on(maps, wide) >= 0.8
    assert wide.mean() < 0.35


def _dilate(mask, margin):
    y, x = np.nonzero(mask)
    grid = np.mgrid[: mask.shape[0], : mask.shape[1]]
    near = np.hypot(grid[0][..., None] - y, grid[1][..., None] - x).min(axis=-1)
    return near <= margin


@pytest.mark.parametrize("draw", DRAW)
def test_maps_change_when_weights_are_randomised(draw):
    units, _, labels = planted_task.make_units(12, seed=7)
    trained = draw(subject(planted_task.trained()), units, labels, Explain())
    correlations = []
    for seed in range(3):
        other = draw(subject(planted_task.build(seed)), units, labels, Explain())
        correlations += [_correlate(a, b) for a, b in zip(trained, other, strict=True)]
    assert np.median(np.abs(correlations)) < 0.6


def _correlate(a, b):
    return np.corrcoef(a.ravel(), b.ravel())[0, 1] if a.std() and b.std() else 0.0


def test_the_mean_of_a_class_activation_map_is_the_logit_but_for_the_bias():
    model = planted_task.trained()
    units, _, labels = planted_task.make_units(6, seed=3)
    opened = subject(model)
    found = opened.differentiate(units, labels)
    logits = np.asarray(opened.opened.predict(units, verbose=0)[-1])
    bias = model.get_layer("logits").get_weights()[1]
    evidence = (found.maps * found.by_map).sum(axis=(1, 2, 3))
    expected = logits[np.arange(6), labels] - bias[labels]
    np.testing.assert_allclose(evidence, expected, rtol=1e-4, atol=1e-5)


def test_hidden_layers_allow_grad_cam_but_no_class_activation_map():
    model = planted_task.build(head={"type": "mlp", "hidden": [8], "dropout": 0.0, "l2": 0.0})
    units, _, labels = planted_task.make_units(4)
    class_activation.draw_grad_cam(subject(model), units, labels, Explain())
    with pytest.raises(InputError, match=r"not linear.*grad-cam"):
        class_activation.draw_class_activation(subject(model), units, labels, Explain())
