"""Keras layers of heads that are not linear, for models that are saved with their backbone.

Importing this module registers the layers, so that saved models can be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from moascope.classification.heads.kernel import KernelHead
from moascope.classification.heads.trees import TreeHead
from moascope.networks.keras_defaults import keras, layers, ops


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


def kernel_layer(head: KernelHead, x: Any) -> Any:
    """Build the layer of a kernel head up to its weights, on the tensor `(n, d)`."""
    layer = RadialKernel(len(head.support), head.gamma, dtype="float32", name="radial_kernel")
    output = layer(x)
    layer.set_weights([part.astype("float32") for part in (head.support, head.mean, head.scale)])
    return output


def tree_layer(head: TreeHead, x: Any) -> Any:
    """Build the layer of boosted trees up to their weights, on the tensor `(n, d)`."""
    n_rounds, n_outputs, n_splits = head.feature.shape
    depth = (n_splits + 1).bit_length() - 1
    layer = TreeSums(n_rounds, n_outputs, depth, dtype="float32", name="trees")
    output = layer(x)
    layer.set_weights(
        [
            head.feature.reshape(-1, n_splits).astype("int32"),
            head.threshold.reshape(-1, n_splits),
            head.leaves.reshape(-1, n_splits + 1).astype("float32"),
        ]
    )
    return output
