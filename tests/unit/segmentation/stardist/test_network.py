"""Networks of StarDist as engines."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from moascope.core.errors import InputError
from moascope.segmentation.stardist import network

LABELS = np.zeros((30, 40), np.int32)
LABELS[2:6, 2:6], LABELS[10:20, 10:20] = 1, 2
IMAGE = np.where(LABELS > 0, 900, 100).astype(np.uint16)[None]


class Model:
    """A stand-in that finds what is bright, and keeps how it was asked."""

    def __init__(self, n_channels=1):
        self.config = SimpleNamespace(n_channel_in=n_channels)

    def predict_instances(self, image, **options):
        self.image, self.options = image, options
        return LABELS, {"prob": np.array([0.6, 0.9])}


def test_a_network_sees_scaled_images_with_channels_last():
    model = Model()
    found = network.segmenter(model, "m", prob_threshold=0.4)(IMAGE)
    np.testing.assert_array_equal(found, LABELS)
    assert found.dtype == np.int32
    assert model.image.shape == (30, 40, 1)
    assert model.image.min() == 0
    assert (model.options["prob_thresh"], model.options["nms_thresh"]) == (0.4, None)


def test_objects_have_an_area_and_a_probability():
    areas, sure = network.segmenter(Model(), "m").tops(IMAGE)
    assert areas.tolist() == [16, 100]
    assert sure.tolist() == [0.6, 0.9]


@pytest.mark.parametrize(("shape", "tiles"), [((1024, 1024), (1, 1)), ((1025, 3000), (2, 3))])
def test_large_images_are_predicted_in_tiles(shape, tiles):
    model = Model()
    network.segmenter(model, "m").instances(np.zeros((1, *shape), np.float32))
    assert model.options["n_tiles"] == (*tiles, 1)


def test_another_number_of_channels_is_refused_with_their_names():
    engine = network.segmenter(Model(n_channels=2), "my.zip", ["DNA"])
    with pytest.raises(InputError, match=r"my\.zip takes 2 channels, but the image has 1 \(DNA\)"):
        engine(IMAGE)


def test_keras_3_in_the_same_process_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", sys)
    monkeypatch.delenv("TF_USE_LEGACY_KERAS", raising=False)
    with pytest.raises(
        InputError, match=r"StarDist needs Keras 2\. Start it in a process of its own"
    ):
        network.import_stardist()


def test_progress_bars_are_not_shown(capsys):
    with network.silence():
        print("100 %")
    print("after")
    assert capsys.readouterr().out == "after\n"
