import subprocess
import sys
from pathlib import Path

import pytest

import moascope
from moascope.classification.options import Model
from moascope.core.errors import InputError
from moascope.core.named_functions import load_function, module_of
from moascope.networks import registry
from moascope.networks.registry import (
    APPLICATIONS,
    BACKBONES,
    FORMER_NAMES,
    Backbone,
    ChannelMapping,
    canonical_name,
    find_backbone,
)
from moascope.pipeline.code_digests import library_modules

DUMMY = """
from moascope.networks.keras_defaults import keras, layers

def build(request):
    image = keras.Input((*(request.size or (None, None)), request.n_inputs))
    return keras.Model(image, layers.Conv2D(7, 3, padding="same", name="only")(image))
"""


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("resnet50", "ResNet50"),
        ("EfficientNet_Lite0", "efficientnet-lite0"),
        ("lenet", "lenet-lab"),
    ],
)
def test_names_are_forgiving(given, meant):
    assert canonical_name(given) == meant
    assert find_backbone(given).name == meant


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(InputError, match=r"there is no 'ResNet51'\. Did you mean ResNet50"):
        canonical_name("ResNet51")


def test_every_name_has_one_backbone_and_a_function_that_builds_it():
    names = [backbone.name for backbone in BACKBONES]
    assert len({canonical_name(name) for name in names}) == len(names)
    assert set(FORMER_NAMES.values()) <= set(names)
    assert all(callable(load_function(backbone.build)) for backbone in BACKBONES)


def test_a_backbone_is_added_with_one_file_and_one_line(tmp_path, monkeypatch):
    (tmp_path / "dummy_net.py").write_text(DUMMY)
    monkeypatch.syspath_prepend(tmp_path)
    line = Backbone("dummy-net", "dummy_net:build")
    monkeypatch.setattr(registry, "BACKBONES", (line, *BACKBONES))

    from moascope.networks import backbones

    assert Model(split="s", backbone="Dummy_Net", weights="none").backbone == "Dummy_Net"
    model = backbones.build("dummy-net", "none", None, ["x", "y"], ChannelMapping("inflate"))
    assert model.output_shape == (None, 7)
    assert model.get_layer("trunk").get_layer("only").kernel.shape == (3, 3, 2, 7)
    with pytest.raises(InputError, match=r"dummy-net, .*, fly-eye or a model of keras"):
        canonical_name("quite another thing")


def test_a_config_is_checked_without_tensorflow():
    program = (
        "import sys\n"
        "from moascope.classification.options import Model\n"
        "from moascope.classification.training.options import Augmentation\n"
        "Model(split='s', backbone='ResNet50')\n"
        "Augmentation(name='blur', sigma=2)\n"
        "print(sorted({'keras', 'tensorflow'} & set(sys.modules)))\n"
    )
    library = str(Path(moascope.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": library},
    )
    assert done.stdout == "[]\n"


def test_a_change_of_a_backbone_reruns_the_scripts_that_build_networks(repository):
    for script in ("features", "train_fold", "final_model", "check_models"):
        modules = library_modules(repository / f"workflow/scripts/classification/{script}.py")
        assert {module_of(backbone.build) for backbone in BACKBONES} <= modules


def test_an_unknown_channel_mapping_is_an_error():
    with pytest.raises(InputError, match="unknown channel mapping 'rbg'; did you mean 'rgb'"):
        ChannelMapping("rbg")


def test_every_network_of_our_own_is_documented(repository):
    page = (repository / "docs/reference/networks.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    for backbone in BACKBONES:
        if backbone.name not in APPLICATIONS:
            assert any(f"`{backbone.name}`" in row for row in rows), backbone.name
