"""Fitted heads that are not linear as Keras layers, for models saved with a backbone."""

from __future__ import annotations

from typing import Any

from moascope.classification.heads.kernel import KernelHead
from moascope.classification.heads.trees import TreeHead
from moascope.networks.layers import RadialKernel, TreeSums


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
