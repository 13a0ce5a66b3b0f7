import pytest
from zoo import build, count_parameters


@pytest.mark.parametrize(
    ("name", "n_layers", "parameters"),
    [("resnet18", 18, 11_689_512), ("resnet34", 34, 21_797_672)],
)
def test_it_has_the_layers_maps_and_parameters_of_its_paper(name, n_layers, parameters):
    network = build(name, 224)
    convolutions = [layer.name for layer in network.layers if layer.name.endswith("_conv")]
    in_path = [layer for layer in convolutions if "shortcut" not in layer]
    assert len(in_path) + 1 == n_layers  # with the classifier
    assert [layer for layer in convolutions if "shortcut" in layer] == [
        f"conv{stage}_1_shortcut_conv" for stage in (3, 4, 5)
    ]
    assert network.get_layer("pool1").output.shape[1:] == (56, 56, 64)
    assert network.output_shape[1:] == (7, 7, 512)
    assert count_parameters(network, 1000) == parameters


def test_the_shortcut_is_added_between_normalization_and_activation():
    names = [layer.name for layer in build("resnet18", 32).layers]
    first = names.index("conv2_1_a_conv")
    assert names[first : first + 7] == [
        *("conv2_1_a_conv", "conv2_1_a_norm", "conv2_1_a"),
        *("conv2_1_b_conv", "conv2_1_b_norm", "conv2_1_add", "conv2_1"),
    ]
