"""Cellpose as a method."""

from moascope.segmentation.engines.cellpose import CELLPOSE


def test_it_is_a_network_that_is_neither_trained_nor_tuned():
    assert CELLPOSE.is_network()
    assert CELLPOSE.train is CELLPOSE.tune is CELLPOSE.measure is None
    assert not CELLPOSE.is_always_tuned()
    assert CELLPOSE.backend("tensorflow") == "torch"
    assert CELLPOSE.most_channels == 3
