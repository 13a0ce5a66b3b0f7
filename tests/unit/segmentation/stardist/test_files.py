"""Files of StarDist models."""

import os
import zipfile

import numpy as np
import pytest
from small_stardist import needs_stardist, saved_model

from moascope.core.errors import InputError
from moascope.segmentation.implementations.stardist import stardist
from moascope.segmentation.stardist.files import shown_channels


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


@needs_stardist
def test_a_file_that_is_no_zip_file_of_a_model_is_refused(fitted_stardist, tmp_path):
    part = tmp_path / "part.zip"
    part.write_bytes(fitted_stardist[0].read_bytes()[:-1000])
    with pytest.raises(InputError, match=r"part\.zip: cannot be read as a zip file"):
        stardist(part)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("weights_best.h5", b"")
    with pytest.raises(InputError, match=r"other\.zip: is no StarDist model"):
        stardist(tmp_path / "other.zip")


@needs_stardist
def test_files_of_a_zip_file_stay_in_their_folder(fitted_stardist, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sly = tmp_path / "sly.zip"
    with zipfile.ZipFile(fitted_stardist[0]) as whole, zipfile.ZipFile(sly, "w") as archive:
        for name in whole.namelist():
            archive.writestr(f"../../model/{name}", whole.read(name))
    assert stardist(sly)(np.zeros((1, 64, 64), np.uint16)).max() == 0
    assert [file.name for file in tmp_path.iterdir()] == ["sly.zip"]
