"""Files of segmentation networks."""

import json
import zipfile

import numpy as np
import pytest

from moascope.core.errors import InputError
from moascope.segmentation.engines.options.unet import Network
from moascope.segmentation.instances import InstanceParameters
from moascope.segmentation.unet import architecture
from moascope.segmentation.unet.saving import load, save

TINY = Network(encoder="none", depth=1, filters=4)


@pytest.fixture
def saved(tmp_path):
    model = architecture.core(architecture.build(TINY, ["DNA"]))
    path = tmp_path / "unet.keras"
    save(model, path, ["DNA"], TINY, InstanceParameters(min_area=7), {"set": "discs"})
    return path, model


def test_a_saved_network_knows_its_input_and_its_instances(saved):
    path, model = saved
    again, metadata = load(path, ["DNA"])
    images = np.random.default_rng(0).random((1, 32, 32, 1)).astype("float32")
    np.testing.assert_allclose(again.predict_on_batch(images), model.predict_on_batch(images))
    assert InstanceParameters(**metadata["instances"]) == InstanceParameters(min_area=7)
    assert metadata["set"] == "discs"
    assert metadata["outputs"] == "both"
    assert metadata["multiple"] == 2
    assert metadata["normalization"] == {"percentiles": [1.0, 99.8]}


def test_other_channels_are_refused_by_name(saved):
    with pytest.raises(InputError, match=r"has \['DNA'\], the data have \['DNA', 'Actin', 'ER'\]"):
        load(saved[0], ["DNA", "Actin", "ER"])


def test_a_file_of_another_version_is_refused(saved, tmp_path):
    path = tmp_path / "new.keras"
    with zipfile.ZipFile(saved[0]) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "moascope.json":
                content = json.dumps({**json.loads(content), "format": 99}).encode()
            new.writestr(name, content)
    with pytest.raises(InputError, match="format: the model has 99, the data have 1"):
        load(path, ["DNA"])
