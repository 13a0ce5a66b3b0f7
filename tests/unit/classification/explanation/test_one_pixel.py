"""The one-pixel attack finds the pixel that a planted network reads."""

import numpy as np

from moascope.classification.explanation.one_pixel import attack_unit, attack_units
from moascope.classification.explanation.options import Explain
from moascope.classification.explanation.subject import Subject
from moascope.networks.keras_defaults import keras, layers


def brightest_reader():
    """A network that calls a unit by its brightest pixel: above 0.7 or not."""
    image = keras.Input((8, 8, 1))
    most = layers.GlobalMaxPooling2D()(image)
    return keras.Model(image, layers.Softmax()(layers.Concatenate()([30 * (most - 0.7), 0 * most])))


def mean_reader():
    """A network that calls a unit by its mean, which one pixel hardly moves."""
    image = keras.Input((8, 8, 1))
    mean = layers.GlobalAveragePooling2D()(image)
    return keras.Model(image, layers.Softmax()(layers.Concatenate()([30 * (mean - 0.9), 0 * mean])))


def units():
    """Dark units with one bright pixel in (2, 5)."""
    found = np.full((3, 8, 8, 1), 0.2, np.float32)
    found[:, 2, 5] = 1.0
    return found


def test_the_attack_flips_a_classifier_of_one_pixel():
    subject = Subject("m", brightest_reader(), ("a",), np.zeros(1))
    row, column, values = attack_unit(subject, units()[0], 0, rounds=60)
    assert (row, column) == (2, 5)
    altered = units()[:1].copy()
    altered[0, row, column] = values
    assert 0.2 <= values[0] <= 1.0
    assert subject.predict(altered).argmax() == 1
    rows = attack_units(subject, units(), np.zeros(3, int), Explain(attacked_units=2))
    assert rows[["n", "correct"]].to_numpy().tolist() == [[2, 0]]


def test_a_network_that_reads_the_mean_withstands():
    subject = Subject("m", mean_reader(), ("a",), np.zeros(1))
    assert attack_unit(subject, units()[0], 1, rounds=10) is None
    rows = attack_units(subject, units(), np.array([1, 1, 0]), Explain(attack_rounds=5))
    assert rows[["n", "correct"]].to_numpy().tolist() == [[2, 2]]  # the third was wrong before
