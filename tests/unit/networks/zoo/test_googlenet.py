from zoo import build, count_parameters


def test_googlenet_has_the_maps_and_parameters_of_its_paper():
    network = build("googlenet", 224)
    # Szegedy et al. 2015, table 1: size and channels behind each stage.
    published = {
        "pool1": (56, 56, 64),
        "conv2": (56, 56, 192),
        "pool2": (28, 28, 192),
        "inception_3a": (28, 28, 256),
        "inception_3b": (28, 28, 480),
        "inception_4a": (14, 14, 512),
        "inception_4e": (14, 14, 832),
        "inception_5b": (7, 7, 1024),
    }
    assert {name: network.get_layer(name).output.shape[1:] for name in published} == published
    assert count_parameters(network, 1000) == 6_998_552
