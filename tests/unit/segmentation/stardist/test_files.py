"""Files of StarDist models."""

import json
import os
import zipfile

import pytest
from small_stardist import needs_stardist

from moascope.core.errors import InputError
from moascope.segmentation.implementations.stardist import stardist
from moascope.segmentation.stardist.files import shown_channels


def saved_model(folder, about):
    """Write the files of a model that say what it expects."""
    path = folder / "model.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
        if about is not None:
            archive.writestr("moascope.json", json.dumps(about))
    return path


def test_a_model_of_other_channels_is_refused_with_what_to_set(tmp_path):
    path = saved_model(tmp_path, {"channels": ["DNA"]})
    assert shown_channels(path, ["Actin", "DNA"], {}) == ["DNA"]
    assert shown_channels(path, ["Hoechst"], {"DNA": "Hoechst"}) == ["Hoechst"]
    with pytest.raises(InputError, match=r"such as channel_map: \{DNA: Actin\}"):
        shown_channels(path, ["Actin"], {})


def test_a_model_that_names_no_channels_is_shown_those_of_the_images(tmp_path):
    path = saved_model(tmp_path, None)
    assert shown_channels(path, ["Hoechst"], {}) == ["Hoechst"]
    assert shown_channels("2D_versatile_fluo", ["Hoechst"], {}) == ["Hoechst"]
    with pytest.raises(InputError, match=r"does not name its channels\. Remove channel_map"):
        shown_channels(path, ["Hoechst"], {"DNA": "Hoechst"})


@needs_stardist
def test_unknown_stardist_models_are_refused():
    with pytest.raises(InputError, match=r"'2D_versatile' is neither a folder .*2D_versatile_fluo"):
        stardist("2D_versatile")


@needs_stardist
def test_a_damaged_stardist_model_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match=r"has no weights \(weights_best\.h5\)"):
        stardist(tmp_path)
    (tmp_path / "weights_best.h5").write_bytes(os.urandom(100))
    with pytest.raises(InputError, match="cannot be read as a StarDist model"):
        stardist(tmp_path)
