"""Names of simulated plates."""

from moascope.simulation.plates import name_plates


def test_plates_are_counted_within_their_batch():
    assert name_plates(3, 2) == ["Batch1_P1", "Batch1_P2", "Batch2_P1"]
    assert name_plates(1, 1) == ["Batch1_P1"]
