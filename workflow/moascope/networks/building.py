"""Networks built from their entries in the registry."""

from __future__ import annotations

from moascope.core.errors import InputError
from moascope.core.named_functions import load_function
from moascope.networks.architectures import NetworkOptions
from moascope.networks.keras_defaults import keras
from moascope.networks.registry import Backbone, InputScale, NetworkRequest
from moascope.networks.zoo.weights import load_weights


def build_network(
    backbone: Backbone,
    weights: str | None,
    size: tuple[int, int] | None,
    n_inputs: int,
    options: NetworkOptions | None = None,
) -> keras.Model:
    """Build a network without its classifier, and load its weights.

    Parameters
    ----------
    backbone : Backbone
        The network.
    weights, size, n_inputs
        As for `NetworkRequest`.
    options : NetworkOptions or None
        Of the class that the backbone names; None: its defaults.

    Returns
    -------
    keras.Model
        Its output is `(n, h, w, d)` or `(n, d)`.

    Raises
    ------
    InputError
        If the size is missing or does not do, or the weights do not exist or do not fit.
    """
    if weights == "imagenet" and not backbone.has_imagenet:
        raise InputError(
            f"weights: there are no imagenet weights for {backbone.name}. Use none, or a path."
        )
    if size is None and backbone.needs_size:
        raise InputError(f"input_size: {backbone.name} needs one, since it ends in a dense layer.")
    options = backbone.options() if options is None else options
    request = NetworkRequest(backbone.name, weights, size, n_inputs, options)
    network: keras.Model = load_function(backbone.build)(request)
    if weights is not None and not backbone.has_imagenet:
        load_weights(network, weights)
    return network


def find_input_scale(backbone: Backbone) -> InputScale:
    """Return how a network expects red, green and blue.

    Parameters
    ----------
    backbone : Backbone
        The network.

    Returns
    -------
    InputScale
        From [0, 1] to the range of the network.
    """
    if isinstance(backbone.input_scale, InputScale):
        return backbone.input_scale
    scale: InputScale = load_function(backbone.input_scale)(backbone.name)
    return scale
