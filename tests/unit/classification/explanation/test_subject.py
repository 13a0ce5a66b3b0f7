"""Networks are opened at their feature maps and logits."""

import numpy as np
import planted_task
import pytest

from moascope.classification import features, final_model
from moascope.classification.explanation import class_activation
from moascope.classification.explanation.options import Explain
from moascope.classification.explanation.subject import Subject
from moascope.classification.heads.registry import read_options
from moascope.classification.training.options import Training
from moascope.core.errors import InputError
from moascope.networks import backbones
from moascope.networks.registry import ChannelMapping


def subject(model):
    return Subject("m", model, planted_task.CHANNELS, np.array([0.5, 0.5]))


def test_a_network_with_dense_layers_is_opened_at_its_last_map():
    model = planted_task.build(feature_layers=[])
    units, _, labels = planted_task.make_units(4)
    found = subject(model).differentiate(units, labels)
    assert found.maps.shape == (4, 8, 8, 8)
    logits = np.asarray(subject(model).opened.predict(units, verbose=0)[-1])
    np.testing.assert_allclose(
        np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True),
        model.predict(units, verbose=0),
        atol=1e-5,
    )


def test_a_network_without_maps_is_refused():
    model = planted_task.build(backbone="mlp", architecture={"hidden": [4]}, feature_layers=[])
    units, _, labels = planted_task.make_units(2)
    with pytest.raises(InputError, match="no feature map"):
        class_activation.draw_grad_cam(subject(model), units, labels, Explain())


@pytest.mark.parametrize("kind", ["lda", "logistic", "svm", "mlp"])
@pytest.mark.parametrize("views", [1, 4])
@pytest.mark.parametrize("mapping", ["inflate", "per-channel"])
def test_frozen_networks_are_opened_with_any_head(kind, views, mapping):
    units, _, labels = planted_task.make_units(24)
    network = backbones.build(
        *("fly-eye", "none", 29, list(planted_task.CHANNELS), ChannelMapping(mapping)),
        unit_shape=(planted_task.SIDE, planted_task.SIDE),
    )
    extractor = features.with_views(network, views, units.shape[1:3])
    table = extractor.predict(units, verbose=0)
    head = final_model.fit_final_head(
        *(table, labels, planted_task.CLASSES, read_options({"type": kind})),
        *(Training(epochs=1, batch_size=8), 0),
    )
    opened = subject(final_model.classifier(extractor, head))
    found = opened.differentiate(units[:3], labels[:3])
    assert found.maps.ndim == 4
    assert np.abs(found.by_map).max() > 0
    if views == 1:
        logits = np.asarray(opened.opened.predict(units, verbose=0)[-1])
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(shares, opened.predict(units), atol=1e-4)
    maps = class_activation.draw_grad_cam(opened, units[:3], labels[:3], Explain())
    assert maps.shape == (3, 32, 32)
