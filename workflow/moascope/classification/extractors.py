"""Feature extractors of final models."""

from __future__ import annotations

from collections.abc import Sequence

from moascope.classification.choices import NETWORK, Choice
from moascope.classification.features import with_views
from moascope.networks.backbones import build_extractor
from moascope.networks.keras_defaults import keras
from moascope.networks.options import FrozenNetwork


def build_for_choice(
    choice: Choice,
    network: FrozenNetwork | None,
    channels: Sequence[str],
    unit_shape: tuple[int, int],
    weights_seed: int | None = None,
) -> keras.Model | None:
    """Build the network that gives the features of a choice.

    Parameters
    ----------
    choice : Choice
        Of the final model; its layers and pooling replace those of the network.
    network : FrozenNetwork or None
        Backbone, channels and views; None where no candidate has a network.
    channels : sequence of str
        Of the units.
    unit_shape : (int, int)
        Their height and width in pixels.
    weights_seed : int or None
        Seed of random weights, the one of the pass that computed the features; None for others.

    Returns
    -------
    keras.Model or None
        From units `(n, H, W, C)` to features `(n, d)`; None where the choice has hand-crafted
        features only.
    """
    if NETWORK not in choice.features:
        return None
    if network is None:
        raise ValueError("features of a network were chosen, but there is no network")
    seen = network.model_copy(
        update={"feature_layers": choice.feature_layers, "pooling": choice.pooling}
    )
    if weights_seed is not None:
        keras.utils.set_random_seed(weights_seed)
    extractor = build_extractor(seen, channels, unit_shape)
    return with_views(extractor, network.views, unit_shape)


def count_outputs(extractor: keras.Model | None) -> int:
    """Return the number of features of an extractor; 0 without one."""
    return 0 if extractor is None else int(extractor.output_shape[-1])
