import numpy as np
from zoo import build, count_parameters


def test_the_eye_has_a_facet_per_pixel_and_the_parameters_of_its_layers():
    network = build("fly-eye", 29)
    assert network.output_shape == (None, 29, 29, 32)
    rings = [(3, 5), (7, 40), (47, 32), (72, 32)]
    passed = 2 * (3 + 1)
    expected = sum((6 * before + 1) * after for before, after in rings) + passed
    assert count_parameters(network, 10) == expected + 33 * 10


def test_r7_and_r8_see_one_pixel_and_the_lamina_a_ring_of_six():
    network = build("fly-eye", 29, channels=1)
    assert network.get_layer("r7").kernel.shape == (1, 1, 1, 1)
    lamina = network.get_layer("lamina")
    lamina.activation = lambda x: x
    image = np.zeros((1, 29, 29, 1), "float32")
    image[0, 14, 14] = 1
    seen = np.abs(np.asarray(lamina(image))).sum(axis=(0, 3)) > 0
    expected = np.zeros((29, 29), bool)
    expected[13:16, 13:16] = [[False, True, True], [True, False, True], [True, True, False]]
    np.testing.assert_array_equal(seen, expected)


def test_r7_and_r8_skip_the_lamina():
    network = build("fly-eye", 29)
    names = [tensor._keras_history.operation.name for tensor in network.get_layer("retina").input]
    assert names == ["lamina", "r7", "r8"]
