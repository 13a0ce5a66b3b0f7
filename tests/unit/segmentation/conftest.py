"""Engines that tests share."""

import pytest
from annotated_discs import write_discs
from small_stardist import OPTIONS

from moascope.segmentation.implementations.stardist_training import fit


@pytest.fixture(scope="package")
def fitted_stardist(tmp_path_factory):
    """A model that was trained on discs for a moment, and how it went."""
    folder = tmp_path_factory.mktemp("stardist")
    out = folder / "model.zip"
    with write_discs(folder) as annotated:
        history = fit(annotated, OPTIONS, out, seed=1)
    return out, history
