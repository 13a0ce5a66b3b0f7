"""Tuning of the thresholds of a given StarDist model."""

import json
import zipfile

import pytest
from annotated_discs import write_discs
from small_stardist import needs_stardist

from moascope.core.errors import InputError
from moascope.segmentation.engines.options.stardist import StarDistOptions
from moascope.segmentation.implementations.stardist import stardist
from moascope.segmentation.implementations.stardist_tuning import tune_given
from moascope.segmentation.matching import scores, tally
from moascope.segmentation.stardist.files import shown_channels


def read_zip(path, name):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read(name))


@needs_stardist
@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_thresholds_of_a_given_model_are_tuned_in_a_copy(trained_stardist, tmp_path, factor):
    start, out = tmp_path / "given", tmp_path / "tuned.zip"
    with zipfile.ZipFile(trained_stardist[0]) as archive:
        archive.extractall(start)
    poor = {"prob": 0.99, "nms": 0.1}
    (start / "thresholds.json").write_text(json.dumps(poor))
    files = {file.name: file.read_bytes() for file in start.iterdir()}
    options = StarDistOptions(channel_map={"DNA": "Hoechst"})
    with write_discs(tmp_path, channels=("Actin", "Hoechst")) as annotated:
        tune_given(start, annotated, ["Actin", "Hoechst"], options, out, factor=factor)
        (row, _) = annotated.rows("validation")
        image, labels = annotated.image(row), annotated.labels(row)
    assert {file.name: file.read_bytes() for file in start.iterdir()} == files
    assert read_zip(out, "thresholds.json")["prob"] < 0.9
    about, before = read_zip(out, "moascope.json"), read_zip(trained_stardist[0], "moascope.json")
    assert about["tuned_from"] == {"model": str(start), "thresholds": poor}
    assert about["channels"] == ["DNA"]
    assert about["diameter"] == before["diameter"]
    if factor == 1:
        assert about["validation"]["mean_ap"] > 0.2
        assert scores(tally(labels, stardist(start)(image)))["ap"]["0.5"] < 0.1
        assert scores(tally(labels, stardist(out)(image)))["ap"]["0.5"] > 0.5


@needs_stardist
def test_a_model_without_a_description_is_tuned(trained_stardist, tmp_path):
    start, out = tmp_path / "plain.zip", tmp_path / "tuned.zip"
    with zipfile.ZipFile(trained_stardist[0]) as whole, zipfile.ZipFile(start, "w") as archive:
        for name in whole.namelist():
            if name != "moascope.json":
                archive.writestr(name, whole.read(name))
    with write_discs(tmp_path) as annotated:
        tune_given(start, annotated, ["DNA"], StarDistOptions(), out)
    assert "channels" not in read_zip(out, "moascope.json")
    assert shown_channels(out, ["Hoechst"], {}) == ["Hoechst"]
    with (
        write_discs(tmp_path, channels=("DNA", "Actin")) as annotated,
        pytest.raises(InputError, match="takes 1 channel, but the image has 2"),
    ):
        tune_given(start, annotated, ["DNA", "Actin"], StarDistOptions(), out)
