"""Network after the eye of the fruit fly (Schneider, Murali, Taylor & Levine 2018).

The eye has about 29 x 29 facets, which is the published size of images. Photoreceptors R1 to R6
of six facets around a point look at this point: their targets in the lamina are convolutions with
rings of six learnable pixels. R7 and R8 pass the lamina and reach the medulla directly: 1x1
convolutions and skip connections. Its layers are `lamina`, `r7`, `r8`, `medulla`, `lobula` and
`lobula_plate`.

Simplifications: the hexagonal grid is sheared onto the square one, so that two of eight neighbours
of a pixel are left out. Each neuropil is one layer, whose number of maps is the number of its
columnar cell types (lamina: L1 to L5) or a round number near it, and all cell types of a neuropil
see all of those before it, where the paper connects them as the connectome does. Features are the
mean over the eye.
"""

from __future__ import annotations

from typing import Any

from moascope.networks.architectures import FlyEyeOptions
from moascope.networks.keras_defaults import keras, layers
from moascope.networks.layers import HexagonalRing
from moascope.networks.registry import NetworkRequest
from moascope.networks.zoo.blocks import convolve, finish, options_of_kernel

_LAMINA, _MEDULLA, _LOBULA, _LOBULA_PLATE = 5, 40, 32, 32


def build(request: NetworkRequest) -> keras.Model:
    """Build the network, as `Backbone.build` says."""
    options = request.options_of(FlyEyeOptions)
    image = keras.Input(request.input_shape, name="rgb")
    lamina = _look_around(image, options, _LAMINA, "lamina")
    passed = [convolve(image, options, 1, 1, name) for name in ("r7", "r8")]
    retina = layers.Concatenate(name="retina")([lamina, *passed])
    medulla = _look_around(retina, options, _MEDULLA, "medulla")
    seen = layers.Concatenate(name="medulla_and_retina")([medulla, retina])
    lobula = _look_around(seen, options, _LOBULA, "lobula")
    seen = layers.Concatenate(name="lobula_and_medulla")([lobula, medulla])
    plate = _look_around(seen, options, _LOBULA_PLATE, "lobula_plate")
    return keras.Model(image, plate, name="fly_eye")


def _look_around(x: Any, options: FlyEyeOptions, n_channels: int, name: str) -> Any:
    """Add rings of six pixels, their normalization and their activation."""
    is_plain = options.normalization == "none"
    layer = HexagonalRing(
        n_channels,
        activation=options.activation if is_plain else None,
        use_bias=is_plain,
        name=name if is_plain else f"{name}_conv",
        **options_of_kernel(options, [0, 1, 2]),
    )
    return finish(layer(x), options, name, is_activated=True)
