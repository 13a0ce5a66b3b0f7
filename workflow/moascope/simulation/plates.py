"""Names of the plates of a simulated screen."""

from __future__ import annotations


def name_plates(plates: int, batches: int) -> list[str]:
    """List the plates of a simulated screen.

    Parameters
    ----------
    plates, batches : int
        Numbers; batches are as even as they can be, larger ones first.

    Returns
    -------
    list of str
        For example Batch1_P1, Batch1_P2, Batch2_P1: plates are counted within their batch.
    """
    sizes = [plates // batches + (batch < plates % batches) for batch in range(batches)]
    return [f"Batch{b}_P{p}" for b, size in enumerate(sizes, 1) for p in range(1, size + 1)]
