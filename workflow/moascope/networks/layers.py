"""Layers that networks are made of. Their registered names stand in saved models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from moascope.core.errors import InputError
from moascope.networks.keras_defaults import keras, layers, ops


@keras.saving.register_keras_serializable("moascope")
class DihedralViews(layers.Layer):
    """Views of square images, stacked along the batch: `(n, s, s, c)` to `(views * n, s, s, c)`.

    Parameters
    ----------
    views : {1, 4, 8}
        4: the image, its two mirror images and its half turn; 8: those of its transpose as well,
        the whole symmetry group of the square.
    """

    def __init__(self, views: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.views = views

    def call(self, inputs: Any) -> Any:
        """Flip and transpose channel-last `inputs`."""
        return keras.ops.concatenate(list(dihedral_views(inputs, self.views)), axis=0)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return a shape of any number of images."""
        return (None, *input_shape[1:])

    def get_config(self) -> dict[str, Any]:
        """Return what builds the layer again."""
        return {**super().get_config(), "views": self.views}


@keras.saving.register_keras_serializable("moascope")
class MeanOverViews(layers.Layer):
    """Mean over stacked views: `(views * n, d)` to `(n, d)`.

    Parameters
    ----------
    views : {1, 4, 8}
        As for `DihedralViews`.
    """

    def __init__(self, views: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.views = views

    def call(self, inputs: Any) -> Any:
        """Average over the views, which vary slowest along the batch."""
        by_view = keras.ops.reshape(inputs, (self.views, -1, inputs.shape[-1]))
        return keras.ops.mean(by_view, axis=0)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return a shape of any number of images."""
        return (None, input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        """Return what builds the layer again."""
        return {**super().get_config(), "views": self.views}


def dihedral_views(images: Any, views: int) -> Iterator[Any]:
    """Yield the views of images, one at a time.

    Parameters
    ----------
    images : array or keras tensor
        `(n, H, W, C)`; square for 8 views.
    views : {1, 4, 8}
        As for `DihedralViews`.

    Yields
    ------
    array or keras tensor
        `(n, H, W, C)`, in the order of `DihedralViews`. Of a NumPy array, views of its memory.
    """
    flip, transpose = keras.ops.flip, keras.ops.transpose
    if isinstance(images, np.ndarray):
        flip, transpose = np.flip, np.transpose
    stack = [images]
    if views >= 4:
        mirrored = flip(images, 2)
        stack = [images, mirrored, flip(images, 1), flip(mirrored, 1)]
    yield from stack
    if views == 8:
        for view in stack:
            yield transpose(view, (0, 2, 1, 3))


@keras.saving.register_keras_serializable("moascope")
class ChannelMap(layers.Layer):
    """Chosen channels, each scaled: `output[..., i] = input[..., source[i]] * scale + offset`.

    Parameters
    ----------
    source : sequence of int
        For every output channel, the input channel it is made from.
    scale, offset : sequence of float
        One per output channel.
    """

    def __init__(
        self,
        source: Sequence[int],
        scale: Sequence[float],
        offset: Sequence[float],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = [int(index) for index in source]
        self.scale = [float(value) for value in scale]
        self.offset = [float(value) for value in offset]

    def call(self, inputs: Any) -> Any:
        """Map channel-last `inputs`."""
        mapped = inputs
        if self.source != list(range(inputs.shape[-1])):
            mapped = keras.ops.take(inputs, np.array(self.source), axis=-1)
        # One number instead of a vector where it is enough: broadcasting a vector is slower.
        scale, offset = _shortest(self.scale), _shortest(self.offset)
        return mapped * keras.ops.cast(scale, mapped.dtype) + keras.ops.cast(offset, mapped.dtype)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape with the number of output channels."""
        return (*input_shape[:-1], len(self.source))

    def get_config(self) -> dict[str, Any]:
        """Return what builds the layer again."""
        config = super().get_config()
        return {**config, "source": self.source, "scale": self.scale, "offset": self.offset}


@keras.saving.register_keras_serializable("moascope")
class SpatialSD(layers.Layer):
    """Standard deviation of every channel over the image: `(n, h, w, c)` to `(n, c)`."""

    def call(self, inputs: Any) -> Any:
        """Reduce both spatial axes."""
        # The floor keeps the gradient finite where a channel is constant.
        return keras.ops.sqrt(keras.ops.var(inputs, axis=(1, 2)) + 1e-12)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return `(n, c)`."""
        return (input_shape[0], input_shape[-1])


def _shortest(values: list[float]) -> float | list[float]:
    return values[0] if len(set(values)) == 1 else values


def pool(features: Any, pooling: str) -> Any:
    """Reduce a feature map over the image.

    Parameters
    ----------
    features : keras tensor
        `(n, h, w, c)`; `(n, c)` stays as it is.
    pooling : {"mean", "mean+sd"}
        Statistics of every channel.

    Returns
    -------
    keras tensor
        `(n, c)` or `(n, 2 c)`.

    Raises
    ------
    InputError
        For another pooling.
    """
    if pooling not in ("mean", "mean+sd"):
        raise InputError(f"pooling: {pooling!r} is neither mean nor mean+sd.")
    if len(features.shape) == 2:
        return features
    mean = layers.GlobalAveragePooling2D()(features)
    if pooling == "mean":
        return mean
    return layers.Concatenate()([mean, SpatialSD()(features)])


@keras.saving.register_keras_serializable("moascope")
class LocalResponse(layers.Layer):
    """Responses divided by those of five neighbouring channels (Krizhevsky et al. 2012).

    `(n, h, w, c)` to `(n, h, w, c)`: `x / (2 + 1e-4 * sum of squares) ** 0.75`.
    """

    def call(self, inputs: Any) -> Any:
        """Normalize channel-last `inputs`."""
        squares = ops.pad(ops.square(inputs), [[0, 0], [0, 0], [0, 0], [2, 2]])
        n_channels = inputs.shape[-1]
        total = sum(squares[..., start : start + n_channels] for start in range(5))
        return inputs / (2.0 + 1e-4 * total) ** 0.75

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape of the input."""
        return tuple(input_shape)


# The places of a hexagonal ring around a pixel, on rows that are each shifted by half a pixel.
_RING = ((0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1))


@keras.saving.register_keras_serializable("moascope")
class HexagonalRing(layers.Layer):
    """Convolution with the six hexagonal neighbours of a pixel, without the pixel itself.

    `(n, h, w, c)` to `(n, h, w, filters)`.

    Parameters
    ----------
    filters : int
        Number of output channels.
    activation, use_bias, kernel_initializer, kernel_regularizer, kernel_constraint
        As of `keras.layers.Conv2D`. The kernel has the shape (1, 6, c, filters).
    """

    def __init__(
        self,
        filters: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        kernel_regularizer: Any = None,
        kernel_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters, self.use_bias = filters, use_bias
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Add kernel and bias."""
        self.kernel = self.add_weight(
            (1, len(_RING), input_shape[-1], self.filters),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        if self.use_bias:
            self.bias = self.add_weight((self.filters,), initializer="zeros", name="bias")

    def call(self, inputs: Any) -> Any:
        """Convolve channel-last `inputs`, padded with zeros."""
        places = np.zeros((9, len(_RING)), "float32")
        for number, (row, column) in enumerate(_RING):
            places[3 * row + column, number] = 1.0
        ring = ops.reshape(self.kernel, (len(_RING), -1))
        window = ops.matmul(ops.cast(places, ring.dtype), ring)
        window = ops.reshape(window, (3, 3, inputs.shape[-1], self.filters))
        output = ops.conv(inputs, window, padding="same")
        if self.use_bias:
            output = output + ops.cast(self.bias, output.dtype)
        return self.activation(output)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape with the number of output channels."""
        return (*input_shape[:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that the layer is built with."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
        }


@keras.saving.register_keras_serializable("moascope")
class RadialKernel(layers.Layer):
    """Similarity to support vectors: `(n, d)` to `(n, n_support)`, float32.

    Parameters
    ----------
    n_support : int
        Number of support vectors.
    gamma : float
        Width of the kernel.
    """

    def __init__(self, n_support: int, gamma: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n_support, self.gamma = n_support, gamma

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Add the weights: support vectors, and mean and standard deviation of features."""
        n_features = input_shape[-1]
        self.support = self.add_weight((self.n_support, n_features), trainable=False)
        self.mean = self.add_weight((n_features,), trainable=False)
        self.scale = self.add_weight((n_features,), initializer="ones", trainable=False)

    def call(self, inputs: Any) -> Any:
        """Compute the similarity of standardized features to the support vectors."""
        rows = (inputs - self.mean) / self.scale
        squares = ops.sum(rows**2, axis=1, keepdims=True) + ops.sum(self.support**2, axis=1)
        distances = squares - 2 * ops.matmul(rows, ops.transpose(self.support))
        return ops.exp(-self.gamma * ops.maximum(distances, 0.0))

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return one column per support vector."""
        return (input_shape[0], self.n_support)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that the layer is built with."""
        return {**super().get_config(), "n_support": self.n_support, "gamma": self.gamma}


@keras.saving.register_keras_serializable("moascope")
class TreeSums(layers.Layer):
    """Sum of the leaves of trees: `(n, d)` to `(n, n_outputs)`, float32.

    Parameters
    ----------
    n_rounds, n_outputs : int
        Trees per output, and outputs.
    depth : int
        Splits from the root of each tree to its leaves.
    """

    def __init__(self, n_rounds: int, n_outputs: int, depth: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n_rounds, self.n_outputs, self.depth = n_rounds, n_outputs, depth

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Add the weights: splits and leaves."""
        n_trees, n_splits = self.n_rounds * self.n_outputs, 2**self.depth - 1
        self.feature = self.add_weight(
            (n_trees, n_splits), initializer="zeros", dtype="int32", trainable=False
        )
        self.threshold = self.add_weight((n_trees, n_splits), trainable=False)
        self.leaves = self.add_weight((n_trees, n_splits + 1), trainable=False)

    def call(self, inputs: Any) -> Any:
        """Compute the sums of the leaves reached; larger values go right."""
        n_trees, n_splits = self.n_rounds * self.n_outputs, 2**self.depth - 1
        first = np.arange(n_trees, dtype="int32") * n_splits
        nodes = ops.zeros((ops.shape(inputs)[0], n_trees), dtype="int32")
        for _ in range(self.depth):
            places = nodes + first
            columns = ops.take(ops.reshape(self.feature, (-1,)), places)
            values = ops.take_along_axis(inputs, columns, axis=1)
            larger = values > ops.take(ops.reshape(self.threshold, (-1,)), places)
            nodes = 2 * nodes + 1 + ops.cast(larger, "int32")
        places = nodes - n_splits + np.arange(n_trees, dtype="int32") * (n_splits + 1)
        reached = ops.take(ops.reshape(self.leaves, (-1,)), places)
        return ops.sum(ops.reshape(reached, (-1, self.n_rounds, self.n_outputs)), axis=1)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return one column per output."""
        return (input_shape[0], self.n_outputs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that the layer is built with."""
        own = {"n_rounds": self.n_rounds, "n_outputs": self.n_outputs, "depth": self.depth}
        return {**super().get_config(), **own}


def has_batch_normalization(model: keras.Model) -> bool:
    """Return whether statistics over the batch are part of the training of a model.

    Parameters
    ----------
    model : keras.Model
        Models within it count as well.

    Returns
    -------
    bool
        Whether it has a batch normalization that learns; a frozen one uses its stored statistics.
    """
    return any(
        has_batch_normalization(layer)
        if isinstance(layer, keras.Model)
        else isinstance(layer, layers.BatchNormalization) and layer.trainable
        for layer in model.layers
    )
