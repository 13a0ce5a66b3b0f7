"""Networks that are explained, opened at their feature maps and logits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from moascope.classification.final_model import predict_units
from moascope.classification.streaming import images_per_call
from moascope.core.errors import InputError
from moascope.networks.keras_defaults import keras, layers
from moascope.networks.layers import ChannelMap, DihedralViews, MeanOverViews


@dataclass(frozen=True)
class Gradients:
    """Outputs of a network, and the gradients of the logit of one class of every unit.

    Parameters
    ----------
    maps : numpy.ndarray
        float32 `(n, h, w, d)`, feature maps of the last layer before the pooling.
    by_map : numpy.ndarray
        float32 `(n, h, w, d)`, gradients with respect to `maps`.
    """

    maps: np.ndarray
    by_map: np.ndarray


@dataclass(frozen=True)
class Subject:
    """A network that is explained.

    Parameters
    ----------
    name : str
        Of the model, for messages.
    model : keras.Model
        Saved classifier, units `(n, H, W, C)` to probabilities `(n, n_classes)`.
    channels : tuple of str
        Of the units.
    means : numpy.ndarray
        float `(C,)`, mean of each channel, which stands for its absence.
    """

    name: str
    model: keras.Model
    channels: tuple[str, ...]
    means: np.ndarray

    def predict(self, units: np.ndarray) -> np.ndarray:
        """Predict units.

        Parameters
        ----------
        units : numpy.ndarray
            float `(n, H, W, C)`, nominal range [0, 1].

        Returns
        -------
        numpy.ndarray
            float32 `(n, n_classes)` probabilities.
        """
        return predict_units(self.model, units)

    @cached_property
    def opened(self) -> keras.Model:
        """The model from units to its feature maps and logits, without views."""
        return open_network(self.model, self.name)

    def differentiate(self, units: np.ndarray, targets: np.ndarray) -> Gradients:
        """Compute feature maps, and the gradients of logits with respect to them.

        Parameters
        ----------
        units : numpy.ndarray
            float `(n, H, W, C)`.
        targets : numpy.ndarray
            int `(n,)`, class of the logit of every unit.

        Returns
        -------
        Gradients
            Of all units.

        Raises
        ------
        InputError
            If the network has no feature map, or Keras does not run on TensorFlow.
        """
        step = images_per_call(self.opened, units.shape[1:3])
        parts = [
            compute_gradients(self.opened, units[start : start + step], targets[start:][:step])
            for start in range(0, len(units), step)
        ]
        return Gradients(
            np.concatenate([maps for maps, _ in parts]), np.concatenate([by for _, by in parts])
        )


def open_network(model: keras.Model, name: str) -> keras.Model:
    """Build a model from units to feature maps and logits.

    Parameters
    ----------
    model : keras.Model
        Saved classifier of a trained fold or of all units. Views of a frozen network are left out:
        the opened model sees units as they are.
    name : str
        Of the model, for messages.

    Returns
    -------
    keras.Model
        `(n, H, W, C)` to a list: the feature maps, each `(n, h, w, d)`, then the logits
        `(n, n_classes)`.

    Raises
    ------
    InputError
        If there is no feature map.
    """
    if len(model.inputs) > 1:
        raise InputError(
            f"{name}: it takes hand-crafted features, which have no map. Fix: remove it from "
            "explain.models."
        )
    image, features, logits = _find_parts(model, name)
    extractor = keras.Model(image, features)
    if len(features.shape) == 4:  # trained networks pool behind this layer
        maps = [features]
    else:
        pools = [each for each in extractor.layers if _is_pooling(each)]
        maps = [each.input for each in pools]
    if not maps:
        dense = _open_dense_network(extractor, keras.Model(features, logits))
        if dense is not None:
            return dense
        raise InputError(
            f"{name}: its network has no feature map before the head. Fix: remove the methods "
            "class-activation and grad-cam from explain.methods, or this model from explain.models."
        )
    smallest = min(each.shape[1] * each.shape[2] for each in maps)  # of the deepest layer
    maps = [each for each in maps if each.shape[1] * each.shape[2] == smallest]
    return keras.Model(image, [*maps, logits])


def _open_dense_network(extractor: keras.Model, tail: keras.Model) -> keras.Model | None:
    """Open a network that ends in dense layers at its last map; None where it has no map."""
    sources = [layer for layer in extractor.layers if isinstance(layer, ChannelMap)]
    trunk = next((layer for layer in extractor.layers if layer.name == "trunk"), None)
    if len(sources) != 1 or trunk is None or len(trunk.outputs) != 1:
        return None
    inner = trunk.layers[1:]  # without the image itself
    maps = [layer.output for layer in inner if _is_map(layer)]
    if not maps:
        return None
    found, features = keras.Model(trunk.input, [maps[-1], trunk.output])(sources[0].output)
    return keras.Model(extractor.input, [found, tail(features)])


def _is_map(layer: keras.Layer) -> bool:
    """Return whether a layer with one output keeps positions."""
    return not isinstance(layer.output, list) and len(layer.output.shape) == 4


def compute_gradients(
    opened: keras.Model, units: np.ndarray, targets: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Compute feature maps, and the gradients of logits with respect to them.

    Parameters
    ----------
    opened : keras.Model
        From `open_network`.
    units : numpy.ndarray
        float `(n, H, W, C)`.
    targets : numpy.ndarray
        int `(n,)`, class of the logit of every unit.

    Returns
    -------
    maps, gradients : numpy.ndarray
        float32 `(n, h, w, d)` each; several maps are joined along the last axis.

    Raises
    ------
    InputError
        If Keras does not run on TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        raise InputError(
            f"compute.keras_backend: gradients need tensorflow, not {keras.backend.backend()}. "
            "Fix: set it to tensorflow, or remove the methods that need gradients."
        )
    import tensorflow as tf  # noqa: PLC0415  (the only part that is bound to a backend)

    images = tf.convert_to_tensor(np.asarray(units, dtype=np.float32))
    with tf.GradientTape() as tape:
        tape.watch(images)
        *maps, logits = opened(images, training=False)
        score = tf.reduce_sum(logits * tf.one_hot(targets, logits.shape[-1]))
    gradients = tape.gradient(score, maps, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return _join(maps), _join(gradients)


def _join(arrays: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.asarray(each, dtype=np.float32) for each in arrays], axis=-1)


def _is_pooling(layer: keras.Layer) -> bool:
    return isinstance(layer, layers.GlobalAveragePooling2D)


def _find_parts(
    model: keras.Model, name: str
) -> tuple[keras.KerasTensor, keras.KerasTensor, keras.KerasTensor]:
    """Return the tensors of image, features and logits in one graph without views."""
    names = {layer.name for layer in model.layers}
    joined = [layer for layer in model.layers if isinstance(layer, MeanOverViews)]
    if joined:
        number = next(i for i, each in enumerate(model.layers) if isinstance(each, DihedralViews))
        network = next(each for each in model.layers[number:] if isinstance(each, keras.Model))
        entry = joined[0].output
        tail = keras.Model(entry, _find_logits(model, entry))
        return network.input, network.output, tail(network.output)
    if "features" not in names:
        raise InputError(
            f"{name}: its file has no layer 'features'. Fix: remove the file, so that it is "
            "trained again."
        )
    features = model.get_layer("features").output
    return model.input, features, _find_logits(model, features)


def _find_logits(model: keras.Model, features: keras.KerasTensor) -> keras.KerasTensor:
    """Return the tensor before the softmax."""
    last = model.layers[-1]
    if isinstance(last, keras.Model):  # a perceptron, with features as its input
        return keras.Model(last.input, last.get_layer("logits").output)(features)
    if isinstance(last, layers.Dense):
        dense = layers.Dense(last.units, dtype="float32", name="linear_head")
        logits = dense(last.input)
        dense.set_weights(last.get_weights())
        return logits
    return model.get_layer("logits").output
