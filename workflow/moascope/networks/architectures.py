"""Options of the architectures of networks. Free of Keras, so that a config is checked fast."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from moascope.core.options import OneOf, Section, without_effect

ACTIVATIONS = (
    "celu",
    "elu",
    "exponential",
    "gelu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
)
"""Activation functions by their names in Keras; a test compares the two."""

INITIALIZERS = (
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "truncated_normal",
    "variance_scaling",
)
"""Random initializers of kernels by their names in Keras; a test compares the two."""

TRAINING_KEYS = ("dropout", "l1", "l2", "max_norm")
"""Keys without effect on a network that is not trained."""

Activation = Annotated[str, OneOf(ACTIVATIONS)]
Initializer = Annotated[str, OneOf(INITIALIZERS)]
Width = Annotated[int, Field(ge=1, le=8192)]


class NetworkOptions(Section):
    """Options of an architecture; this class is that of networks that have none."""

    def problems(self) -> list[str]:
        """Return a sentence for each option that does not go with the others."""
        return []


class LayerOptions(NetworkOptions):
    """Options of all convolutions and dense layers of a network."""

    activation: Activation = Field("relu", description="activation function, by its Keras name")
    initializer: Initializer = Field(
        "glorot_uniform", description="random distribution of first weights, by its Keras name"
    )
    normalization: Literal["none", "batch", "layer", "group"] = Field(
        "none",
        description="after each convolution and dense layer, before its activation: none; over "
        "the batch; over all channels of a position; or over groups of up to 32 channels",
    )
    l1: float = Field(0.0, ge=0, description="L1 penalty on the weights of kernels")
    l2: float = Field(0.0, ge=0, description="L2 penalty on the weights of kernels")
    max_norm: float | None = Field(
        None, gt=0, description="largest norm of the weights into a unit; null: no limit"
    )


class PoolingOptions(NetworkOptions):
    """Options of networks with pooling layers."""

    pooling: Literal["max", "average"] = Field(
        "max", description="what pooling layers take of each window"
    )


class DropoutOptions(NetworkOptions):
    """Options of networks that end in dense layers."""

    dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of the inputs of each dense layer that is set to zero in training "
        "(pixels never are); `head.dropout` is that before the classes",
    )


class ConvolutionalOptions(DropoutOptions, PoolingOptions, LayerOptions):
    """Options of convolutions and pooling that end in dense layers."""


class PerceptronOptions(DropoutOptions, LayerOptions):
    """Options of a multilayer perceptron on pixels."""

    hidden: list[Width] = Field([100], min_length=1, description="units of each hidden layer")

    def problems(self) -> list[str]:
        """Return a sentence for each option that does not go with the others."""
        is_idle = len(self.hidden) == 1
        return without_effect(self, {"dropout": "one hidden layer"}) if is_idle else []


class ConvnetOptions(ConvolutionalOptions):
    """Options of a plain convolutional network: convolution and pooling, then dense layers."""

    filters: list[Width] = Field(
        [20, 40], min_length=1, description="channels of each convolution; pooling follows each"
    )
    kernel_size: int = Field(5, ge=1, le=31, description="side in pixels of each convolution")
    pool_size: int = Field(2, ge=1, le=16, description="side and step in pixels of each pooling")
    padding: Literal["valid", "same"] = Field(
        "valid",
        description="images shrink by each convolution (valid), or are padded with zeros (same)",
    )
    dense: list[Width] = Field([100], description="units of each dense layer")

    def problems(self) -> list[str]:
        """Return a sentence for each option that does not go with the others."""
        return [] if self.dense else without_effect(self, {"dropout": "dense []"})


class LeNet5Options(ConvolutionalOptions):
    """Options of LeNet-5, with the defaults of its paper."""

    activation: Activation = "tanh"
    initializer: Initializer = "lecun_uniform"
    pooling: Literal["max", "average"] = "average"


class ResponseOptions(PoolingOptions, LayerOptions):
    """Options of networks with local response normalization."""

    initializer: Initializer = "he_normal"
    local_response: bool = Field(
        True, description="divide responses by those of neighbouring channels, as in the paper"
    )


class AlexNetOptions(DropoutOptions, ResponseOptions):
    """Options of AlexNet and of the network of Zeiler and Fergus."""

    dropout: float = Field(0.5, ge=0, lt=1)


class GoogLeNetOptions(ResponseOptions):
    """Options of GoogLeNet."""


class ResNetOptions(PoolingOptions, LayerOptions):
    """Options of residual networks, with the defaults of their paper."""

    initializer: Initializer = "he_normal"
    normalization: Literal["none", "batch", "layer", "group"] = "batch"


class FlyEyeOptions(LayerOptions):
    """Options of the eye of the fly."""

    initializer: Initializer = "he_normal"
