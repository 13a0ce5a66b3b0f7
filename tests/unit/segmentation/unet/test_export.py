"""A U-Net as BioImage.IO package: what is in it, and that others predict the same with it."""

import json
import zipfile

import keras
import numpy as np
import pytest
import yaml
from annotated_discs import write_discs
from scipy.special import softmax

from moascope.core.errors import InputError
from moascope.segmentation.engines import optional_packages
from moascope.segmentation.engines.options.unet import Network, UNetOptions
from moascope.segmentation.implementations.unet import UNet
from moascope.segmentation.implementations.unet_tuning import tune_saved
from moascope.segmentation.instances import InstanceParameters
from moascope.segmentation.unet import architecture, export, saving

TINY = Network(encoder="none", depth=2, filters=4)
WHOLE = UNetOptions(tile=256, overlap=0)

needs_converters = pytest.mark.skipif(
    bool(optional_packages.missing(optional_packages.EXPORT)),
    reason=f"needs {', '.join(optional_packages.EXPORT)}: uv sync --extra export",
)


def network(options, channels=("DNA",)):
    keras.utils.set_random_seed(0)
    return architecture.core(architecture.build(options, channels), options.binning)


def probabilities(network, images):
    maps = np.array(network.predict_on_batch(images))
    if maps.shape[-1] >= 3:
        maps[..., :3] = softmax(maps[..., :3], axis=-1)
    return maps


def save(path, options=TINY, channels=("DNA",)):
    about = {"options": {"network": options.model_dump()}, "validation": {"ap_50": 0.75}}
    parameters = InstanceParameters(min_area=7)
    saving.save(network(options, channels), path, channels, options, parameters, about)
    return path


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    channels = ("DNA", "Actin")
    model, out = save(folder / "unet.keras", channels=channels), folder / "unet.bioimageio.zip"
    with write_discs(folder, channels=channels, shapes=((90, 101),)) as annotated:
        export.export(model, channels, annotated, out, name="unet", objects="Nuclei")
        rows = annotated.rows("validation")
        image = annotated.image(rows[0])
    return model, out, image


@needs_converters
def test_the_package_describes_what_the_network_takes_and_gives(exported):
    with zipfile.ZipFile(exported[1]) as archive:
        names = set(archive.namelist())
        content = yaml.safe_load(archive.read("rdf.yaml"))
        readme = archive.read("README.md").decode()
    assert names == {
        *("rdf.yaml", "README.md", "unet.onnx", "unet.keras", "input.npy", "output.npy")
    }
    (given,), (found,) = content["inputs"], content["outputs"]
    assert [axis.get("id", axis["type"]) for axis in given["axes"]] == [
        "batch",
        "y",
        "x",
        "channel",
    ]
    assert given["axes"][1]["size"] == {"min": 68, "step": 4}
    assert given["axes"][3]["channel_names"] == ["DNA", "Actin"]
    assert given["preprocessing"][1] == {
        "id": "scale_range",
        "kwargs": {"axes": ["y", "x"], "min_percentile": 1.0, "max_percentile": 99.8},
    }
    assert found["axes"][3]["channel_names"] == ["background", "interior", "boundary", "distance"]
    assert content["config"]["moascope"]["instances"]["min_area"] == 7
    assert "| min_area | 7 |" in readme
    assert "ap_50 0.750" in readme


@needs_converters
@pytest.mark.parametrize("weights", ["onnx", "keras_v3"])
def test_bioimageio_predicts_from_raw_intensities_what_the_engine_does(exported, weights):
    from bioimageio.core import create_prediction_pipeline, load_description
    from bioimageio.core.digest_spec import create_sample_for_model

    model, package, image = exported
    image = image[:, :88, :100]
    description = load_description(package)
    raw = np.moveaxis(image, 0, -1)[None].astype(np.float32)
    pipeline = create_prediction_pipeline(description, weight_format=weights)
    sample = create_sample_for_model(description, inputs={"raw": raw})
    found = pipeline.predict_sample_without_blocking(
        sample, skip_input_padding=True, skip_output_cropping=True
    )
    predicted = found.members["maps"].data.values[0]
    own = UNet.load(model, ["DNA", "Actin"], WHOLE).predict(image)
    np.testing.assert_allclose(1 - predicted[..., 0], own["foreground"], atol=1e-4)
    np.testing.assert_allclose(predicted[..., [1, 3]].mean(axis=-1), own["height"], atol=1e-4)


@needs_converters
def test_a_network_that_bins_is_exported_as_well(tmp_path):
    """The export itself compares what ONNX and Keras predict."""
    model, out = (
        save(tmp_path / "unet.keras", TINY.model_copy(update={"binning": 2})),
        tmp_path / "unet.zip",
    )
    with write_discs(tmp_path, shapes=((90, 101),)) as annotated:
        export.export(model, ["DNA"], annotated, out, name="unet", objects="Nuclei")
    with zipfile.ZipFile(out) as archive:
        (given,) = yaml.safe_load(archive.read("rdf.yaml"))["inputs"]
    assert given["axes"][1]["size"]["step"] == 8


@needs_converters
def test_an_ensemble_is_exported_as_well(tmp_path):
    members = [save(tmp_path / f"{number}.keras") for number in range(2)]
    model, out = tmp_path / "unet.keras", tmp_path / "unet.zip"
    with write_discs(tmp_path, shapes=((90, 101),)) as annotated:
        tune_saved(members, annotated, ["DNA"], WHOLE, model)
        export.export(model, ["DNA"], annotated, out, name="unet", objects="Nuclei")
    with zipfile.ZipFile(out) as archive:
        assert "the mean of 2 networks" in archive.read("README.md").decode()


@needs_converters
def test_bioimageio_finds_nothing_wrong(exported):
    from bioimageio.core import test_model as check

    assert check(exported[1]).status == "passed"


@needs_converters
def test_a_conversion_that_changes_the_maps_is_refused(exported, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "TOLERANCE", -1)
    with (
        write_discs(tmp_path, channels=("DNA", "Actin")) as annotated,
        pytest.raises(
            InputError, match=r"engines.u.export: the ONNX and Keras networks give different"
        ),
    ):
        export.export(
            exported[0],
            ["DNA", "Actin"],
            annotated,
            tmp_path / "u.zip",
            name="u",
            objects="Nuclei",
        )
    assert not (tmp_path / "u.zip").exists()


def test_what_is_not_installed_is_named_with_the_command(tmp_path, monkeypatch):
    monkeypatch.setattr(optional_packages, "EXPORT", ("numpy", "no-such-converter"))
    with (
        write_discs(tmp_path) as annotated,
        pytest.raises(InputError, match=r"no-such-converter, which is not .* --extra export"),
    ):
        export.export("u.keras", ["DNA"], annotated, tmp_path / "u", name="u", objects="Nuclei")


@pytest.mark.parametrize("outputs", ["classes", "distance", "both"])
def test_the_portable_network_gives_probabilities(outputs):
    options = Network(encoder="none", depth=1, filters=4, outputs=outputs)
    own = network(options)
    images = np.random.default_rng(0).random((1, 32, 48, 1)).astype(np.float32)
    expected = probabilities(own, images)
    found = export.portable(own).predict_on_batch(images)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_pretrained_network_becomes_layers_that_keras_knows():
    options = Network(depth=2, filters=4)
    own = network(options, ("DNA", "Actin"))
    twin = export.portable(own)
    assert "moascope" in json.dumps(own.get_config())
    assert "moascope" not in json.dumps(twin.get_config())
    images = np.random.default_rng(0).random((1, 32, 32, 2)).astype(np.float32)
    expected = probabilities(own, images)
    np.testing.assert_allclose(twin.predict_on_batch(images), expected, atol=1e-5)


def test_an_ensemble_becomes_a_portable_network():
    options = Network(depth=2, filters=4, binning=2)
    members = [network(options), network(options)]
    members[1].set_weights([weights + 0.01 for weights in members[0].get_weights()])
    own = architecture.ensemble(members)
    images = np.random.default_rng(0).random((1, 32, 32, 1)).astype(np.float32)
    twin = export.portable(own)
    assert "moascope" not in json.dumps(twin.get_config())
    expected = probabilities(own, images)
    np.testing.assert_allclose(twin.predict_on_batch(images), expected, atol=1e-5)
    assert np.abs(expected - probabilities(members[0], images)).max() > 1e-3


def test_a_network_of_half_precision_is_exported_in_single():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        own = network(TINY)
    finally:
        keras.config.set_dtype_policy("float32")
    assert "float16" in json.dumps(own.get_config())
    assert "float16" not in json.dumps(export.portable(own).get_config())


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((20, 70), (68, 68)), ((101, 1300), (100, 512)), ((68, 512), (68, 512))],
)
def test_the_test_image_is_cut_or_mirrored_to_what_the_network_takes(tmp_path, shape, expected):
    with write_discs(tmp_path, sets=("train", "train", "validation"), shapes=((64, 80),)) as discs:
        discs.image = lambda row: np.arange(2 * shape[0] * shape[1]).reshape(2, *shape)
        image = export._test_image(discs, 4)
    assert image.shape == (*expected, 2)
    assert image.dtype == np.float32
