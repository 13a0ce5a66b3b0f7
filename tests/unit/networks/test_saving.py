import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

import moascope
from moascope.core.errors import InputError
from moascope.networks import layers, saving


def test_a_model_of_other_channels_is_refused(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    saving.save_model(model, tmp_path / "m.keras", {"channels": ["DNA", "actin"]})
    with pytest.raises(InputError, match=r"channels: the model has \['DNA', 'actin'\]"):
        saving.load_model(tmp_path / "m.keras", {"channels": ["actin", "DNA"]})


def test_a_file_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "m.keras").write_text("hello")
    with pytest.raises(InputError, match="damaged, or was not written by MoAscope"):
        saving.load_model(tmp_path / "m.keras")


def rewritten(path, change):
    """Rewrite the members of a saved model."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def cut_config(members):
    members["config.json"] = members["config.json"][:200]


def no_weights(members):
    del members["model.weights.h5"]


def half_of_the_weights(members):
    members["model.weights.h5"] = members["model.weights.h5"][:500]


def unknown_layer(members):
    members["config.json"] = members["config.json"].replace(b'"Dense"', b'"Denser"')


def strange_layer(members):
    members["config.json"] = members["config.json"].replace(b'"units": 1', b'"units": [1]')


def no_description(members):
    members["moascope.json"] = b"[]"


CHANGES = [
    *(cut_config, no_weights, half_of_the_weights, unknown_layer, strange_layer, no_description)
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_damaged_model_is_refused_in_one_line(tmp_path, change):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    saving.save_model(model, tmp_path / "m.keras", {})
    rewritten(tmp_path / "m.keras", change)
    with pytest.raises(InputError) as raised:
        saving.load_model(tmp_path / "m.keras")
    message = str(raised.value)
    assert message.startswith(f"{tmp_path / 'm.keras'}: is damaged, or was not written by MoAscope")
    assert "\n" not in message


def test_a_model_that_holds_a_program_is_refused_and_does_not_run_it(tmp_path):
    layer = keras.layers.Lambda(lambda x: x + 1)
    model = keras.Sequential([keras.Input((2,)), layer])
    saving.save_model(model, tmp_path / "m.keras", {})
    with pytest.raises(InputError, match=r"m\.keras: is damaged.*ValueError.*[Ll]ambda"):
        saving.load_model(tmp_path / "m.keras")


def test_a_model_of_keras_alone_is_refused(tmp_path):
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(tmp_path / "m.keras")
    with pytest.raises(InputError, match=r"There is no item named 'moascope\.json'"):
        saving.load_model(tmp_path / "m.keras")


def test_a_damaged_model_of_a_run_is_made_again_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = Path("results/screen/models/lite0.keras")
    file.parent.mkdir(parents=True)
    file.write_bytes(b"PK")
    with pytest.raises(InputError, match=r"run with --forcerun results/screen/\S+\.$"):
        saving.load_model(file)


def test_the_registered_names_of_layers_stay():
    """They stand in models that were saved before."""
    names = [
        keras.saving.get_registered_name(layer)
        for layer in (
            layers.ChannelMap,
            layers.SpatialSD,
            layers.DihedralViews,
            layers.MeanOverViews,
        )
    ]
    assert names == [
        "moascope>ChannelMap",
        "moascope>SpatialSD",
        "moascope>DihedralViews",
        "moascope>MeanOverViews",
    ]


def test_a_model_whose_layers_lay_in_another_module_is_read_by_saving_alone(tmp_path):
    image = keras.Input((4, 4, 2))
    x = layers.ChannelMap([1, 0], [2.0, 1.0], [0.0, 0.5])(layers.DihedralViews(8)(image))
    model = keras.Model(image, layers.MeanOverViews(8)(layers.SpatialSD()(x)))
    saving.save_model(model, tmp_path / "m.keras", {})

    def move(members):
        config = members["config.json"]
        assert b"moascope.networks.layers" in config
        members["config.json"] = config.replace(b"moascope.networks.layers", b"moascope.backbones")

    rewritten(tmp_path / "m.keras", move)
    images = np.random.default_rng(0).random((3, 4, 4, 2), dtype="float32")
    np.save(tmp_path / "images.npy", images)
    program = (
        "import sys, numpy\n"
        "from moascope.networks.saving import load_model\n"
        "model, _ = load_model(sys.argv[1] + '/m.keras')\n"
        "images = numpy.load(sys.argv[1] + '/images.npy')\n"
        "numpy.save(sys.argv[1] + '/answer.npy', model.predict_on_batch(images))\n"
    )
    library = str(Path(moascope.__file__).parents[1])
    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], check=True, env={"PYTHONPATH": library}
    )
    np.testing.assert_allclose(
        np.load(tmp_path / "answer.npy"), model.predict_on_batch(images), atol=1e-6
    )
