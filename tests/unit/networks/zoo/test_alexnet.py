from zoo import build, count_parameters

LAYERS = ("conv1", "conv2", "pool5")
KINDS = ("conv", "pool")


def test_alexnet_has_the_maps_and_parameters_of_its_paper():
    network = build("alexnet", 227)
    shapes = {
        name: network.get_layer(name).output.shape[1:] for name in ("conv1", "conv2", "pool5")
    }
    assert shapes == {"conv1": (55, 55, 96), "conv2": (27, 27, 256), "pool5": (6, 6, 256)}
    # The paper says 60 million, of which grouped convolutions save 1.4.
    assert count_parameters(network, 1000) == 62_378_344


def test_the_network_of_zeiler_and_fergus_has_the_maps_of_its_paper():
    network = build("zeiler-fergus", 224)
    shapes = [network.get_layer(f"{kind}{i}").output.shape[1:] for i in (1, 2) for kind in KINDS]
    assert shapes == [(110, 110, 96), (55, 55, 96), (26, 26, 256), (13, 13, 256)]
    assert network.get_layer("pool5").output.shape[1:] == (6, 6, 256)
    assert count_parameters(network, 1000) == 62_357_608


def test_responses_and_dropout_are_those_of_the_paper_and_can_be_left_out():
    names = [layer.name for layer in build("alexnet", 67).layers]
    assert {"norm1", "norm2", "fc6_dropout", "fc7_dropout"} <= set(names)
    plain = [layer.name for layer in build("alexnet", 67, local_response=False, dropout=0).layers]
    assert {"norm1", "norm2", "fc6_dropout", "fc7_dropout"}.isdisjoint(plain)
