"""Networks of StarDist."""

import sys
import zipfile

import numpy as np
import pytest
from annotated_discs import write_discs
from small_stardist import HAS_STARDIST, changed, needs_stardist

from moascope.core.errors import InputError
from moascope.segmentation.implementations.stardist import stardist
from moascope.segmentation.implementations.stardist_training import fit


@pytest.mark.skipif(HAS_STARDIST, reason="StarDist is installed here")
def test_stardist_that_is_not_installed_is_explained(monkeypatch):
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "1")
    with pytest.raises(InputError, match=r"engine stardist: .*--sdm conda.*pip install stardist"):
        stardist("2D_versatile_fluo")


def test_stardist_needs_a_process_of_its_own(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", sys)
    monkeypatch.delenv("TF_USE_LEGACY_KERAS", raising=False)
    with pytest.raises(InputError, match=r"TensorFlow runs with Keras 3.*process of its own"):
        stardist("2D_versatile_fluo")


@needs_stardist
def test_more_channels_than_the_model_knows_are_refused_and_named(tmp_path):
    with write_discs(tmp_path) as annotated:
        fit(annotated, changed(steps=2), tmp_path / "model.zip", seed=1)
        image = annotated.image(0)
    (tmp_path / "plain").mkdir()
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        others = [name for name in archive.namelist() if name != "moascope.json"]
        archive.extractall(tmp_path / "plain", others)
    engine = stardist(tmp_path / "plain", ["DNA", "Actin", "Tubulin"])
    with pytest.raises(InputError, match=r"takes 1 channel, but the image has 3 \(DNA, Actin, Tub"):
        engine(np.repeat(image, 3, axis=0))
