"""Threshold and watershed as a method."""

from moascope.segmentation.engines.classical import CLASSICAL
from moascope.segmentation.engines.options.classical import USUAL_DIAMETER


def test_it_is_no_network_and_always_tuned():
    assert not CLASSICAL.is_network()
    assert CLASSICAL.backend("torch") is None
    assert CLASSICAL.is_always_tuned()
    assert CLASSICAL.usual_diameter == USUAL_DIAMETER == 20
