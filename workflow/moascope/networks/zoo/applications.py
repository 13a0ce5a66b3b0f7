"""The models of `keras.applications`."""

from __future__ import annotations

import importlib

import numpy as np

from moascope.core.errors import InputError
from moascope.networks.keras_defaults import keras
from moascope.networks.registry import InputScale, NetworkRequest
from moascope.networks.zoo.weights import load_weights


def build(request: NetworkRequest) -> keras.Model:
    """Build a model of `keras.applications` without its classifier.

    Parameters
    ----------
    request : NetworkRequest
        Named as one of `APPLICATIONS`.

    Returns
    -------
    keras.Model
        As of `Backbone.build`.

    Raises
    ------
    InputError
        If it cannot be built for that size, or its weights cannot be downloaded or do not fit.
    """
    name, weights = request.name, request.weights
    try:
        network = getattr(keras.applications, name)(
            include_top=False,
            weights="imagenet" if weights == "imagenet" else None,
            input_shape=request.input_shape,
        )
    except InputError:
        raise
    except Exception as error:
        # Keras reports a failed download as a bare Exception, a bad size as ValueError.
        if weights != "imagenet" or isinstance(error, ValueError | TypeError):
            raise InputError(
                f"input_size: {name} cannot be built for images of {request.input_shape}: {error}. "
                "Give an input_size that it takes."
            ) from error
        raise InputError(
            f"weights: the imagenet weights of {name} are not on this machine and could not be "
            "downloaded. Fix: download its 'notop' weights file elsewhere and set weights to "
            "its path. Or set backbone: efficientnet-lite0, whose weights are installed, or "
            "weights: none to train from scratch."
        ) from error
    if weights not in (None, "imagenet"):
        load_weights(network, str(weights))
    return network


def measure_input_scale(name: str) -> InputScale:
    """Measure what the `preprocess_input` of a model does to red, green and blue.

    All of them are affine and at most reverse the channels, so that four probes are enough. No
    table of our own can disagree with Keras.

    Parameters
    ----------
    name : str
        One of `APPLICATIONS`.

    Returns
    -------
    InputScale
        From [0, 1] to the range of the model.
    """
    module = importlib.import_module(getattr(keras.applications, name).__module__)
    probes = np.concatenate([np.zeros((1, 3)), 255 * np.eye(3)]).reshape(4, 1, 1, 3)
    answers = module.preprocess_input(probes.astype("float32").copy()).reshape(4, 3).astype(float)
    offset, response = answers[0], answers[1:] - answers[0]
    order = np.abs(response).argmax(axis=0)
    return InputScale(
        tuple(int(index) for index in order),
        tuple(float(value) for value in response[order, range(3)]),
        tuple(float(value) for value in offset),
    )
