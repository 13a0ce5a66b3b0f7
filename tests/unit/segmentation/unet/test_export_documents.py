"""Description and README of a BioImage.IO package."""

import pytest

from moascope.segmentation.unet import export_documents as documents

ABOUT = {
    "channels": ["DNA", "Actin"],
    "outputs": "both",
    "multiple": 16,
    "instances": {"min_area": 7, "prominence": 0.1},
    "options": {"network": {"encoder": "none"}},
}


def described(**changes):
    about = {**ABOUT, **changes}
    return documents.description(
        about, "unet", "Nuclei", {"onnx": {"source": "u.onnx"}}, lambda name: {"source": name}
    )


@pytest.mark.parametrize(("multiple", "rim", "side"), [(4, 32, 68), (32, 32, 96), (64, 64, 192)])
def test_the_rim_keeps_the_grid_of_the_network_and_leaves_something(multiple, rim, side):
    assert documents.halo(multiple) == rim
    assert documents.smallest_side(multiple) == side
    (given,), (found,) = (described(multiple=multiple)[key] for key in ("inputs", "outputs"))
    assert given["axes"][1]["size"] == {"min": side, "step": multiple}
    assert found["axes"][2]["halo"] == rim


@pytest.mark.parametrize(
    ("outputs", "names"),
    [
        ("classes", ["background", "interior", "boundary"]),
        ("distance", ["distance"]),
        ("both", ["background", "interior", "boundary", "distance"]),
    ],
)
def test_maps_are_named_in_the_order_of_the_network(outputs, names):
    assert documents.output_channels({"outputs": outputs}) == names
    assert described(outputs=outputs)["outputs"][0]["axes"][3]["channel_names"] == names


def test_files_and_parameters_are_in_the_description():
    found = described()
    assert found["documentation"] == {"source": "README.md"}
    assert found["inputs"][0]["test_tensor"] == {"source": "input.npy"}
    assert found["weights"] == {"onnx": {"source": "u.onnx"}}
    assert found["config"]["moascope"]["instances"] == ABOUT["instances"]
    assert found["name"] == "MoAscope unet (Nuclei)"


def test_a_pretrained_encoder_is_cited():
    assert len(described()["cite"]) == 1
    pretrained = {"network": {"encoder": "efficientnet-lite0"}}
    assert "Tan and Le" in described(options=pretrained)["cite"][1]["text"]


@pytest.mark.parametrize(
    ("outputs", "foreground", "height"),
    [
        ("classes", "1 - background", "interior"),
        ("distance", "distance", "distance"),
        ("both", "1 - background", "the mean of interior and distance"),
    ],
)
def test_the_readme_says_how_objects_are_cut_out_of_the_maps(outputs, foreground, height):
    text = documents.documentation({**ABOUT, "outputs": outputs}, "Nuclei")
    assert f"1. The foreground is {foreground};" in text
    assert f"2. The height is {height}, smoothed" in text
    assert "| min_area | 7 |\n| prominence | 0.1 |" in text


def test_the_readme_tells_the_scores_and_the_size_of_an_ensemble():
    about = {**ABOUT, "validation": {"ap_50": 0.75}, "ensemble": 3}
    text = documents.documentation(about, "Nuclei")
    assert "ap_50 0.750" in text
    assert "(logits: the mean of 3 networks)" in text
    assert "not known" in documents.documentation(ABOUT, "Nuclei")
