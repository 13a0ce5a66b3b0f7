"""Networks are checked before any image is read."""

import pytest

from moascope.classification.training.options import Augmentation, read_network
from moascope.core.files import write_json
from moascope.core.options import restore
from moascope.pipeline import network_checks
from moascope.pipeline.network_checks import GivenEngine, check_given, check_networks
from moascope.segmentation.engines.unet import UNET

LENET = {
    "backbone": "lenet",
    "weights": "none",
    "channel_mapping": "inflate",
    "transfer": "full",
    "input_size": 32,
    "head": {},
}


def check(models, unit_shape=(32, 32), augmentations=()):
    networks = {name: read_network(options) for name, options in models.items()}
    steps = [restore(Augmentation, {"name": name}) for name in augmentations]
    return check_networks(networks, ["a"], unit_shape, steps)


def test_networks_that_can_be_built_have_no_problems():
    checked = check({"m": LENET}, augmentations=["flip"])
    assert checked.problems == []
    assert checked.warnings == []


def test_problems_of_all_models_are_listed():
    wrong = {**LENET, "backbone": "efficientnet-lite0", "feature_layers": ["no_such_layer"]}
    checked = check({"m": LENET, "x": wrong, "y": wrong})
    assert [problem.partition(":")[0] for problem in checked.problems] == ["models.x", "models.y"]


def test_steps_that_do_not_fit_units_are_problems():
    checked = check({}, unit_shape=(32, 48), augmentations=["quarter_turn"])
    assert len(checked.problems) == 1


def test_large_units_are_warned_of():
    checked = check({"m": {**LENET, "input_size": None}}, unit_shape=(600, 600))
    assert [warning["about"] for warning in checked.warnings] == ["models.m"]


def test_given_networks_that_cannot_be_read_are_problems(tmp_path):
    missing = GivenEngine("nuclei", str(tmp_path / "none.keras"), str(UNET.check), {})
    (problem,) = check_given([missing], ["DNA"])
    assert problem.startswith("segmentation.engines.nuclei: ")


def test_the_target_size_counts_before_headers(tmp_path):
    write_json({"size": [40, 50]}, tmp_path / "target.json")
    found = network_checks.read_image_size(str(tmp_path / "target.json"), None, "DNA", None)
    assert found == (40, 50)


def test_an_unknown_size_is_an_error():
    with pytest.raises(ValueError, match="target size or the sites table"):
        network_checks.read_image_size(None, None, "DNA", None)
