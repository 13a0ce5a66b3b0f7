"""Networks of the zoo for tests."""

from moascope.networks.building import build_network
from moascope.networks.registry import find_backbone


def build(name, size, channels=3, **options):
    """Build a network with random weights for square images of one size."""
    backbone = find_backbone(name)
    shape = size if isinstance(size, tuple) else (size, size)
    return build_network(backbone, None, shape, channels, backbone.options(**options))


def count_parameters(network, n_classes):
    """Count what a network learns together with a dense layer to classes, as papers count it."""
    own = sum(weight.numpy().size for weight in network.trainable_weights)
    return own + (network.output_shape[-1] + 1) * n_classes
