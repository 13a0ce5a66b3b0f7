import keras
import numpy as np
import pytest

from moascope.classification.training import augmentation, augmentation_methods
from moascope.classification.training.augmentation_methods import (
    AUGMENTATIONS,
    AugmentationMethod,
    Parameter,
    find_method,
)
from moascope.classification.training.options import Augmentation
from moascope.core.errors import InputError


def test_names_are_unique():
    names = [method.name for method in AUGMENTATIONS]
    assert len(set(names)) == len(names)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(InputError, match="unknown augmentation 'rotat'; did you mean 'rotation'"):
        find_method("rotat")


def test_defaults_lie_in_their_range():
    for method in AUGMENTATIONS:
        for parameter in method.all_parameters.values():
            assert parameter.find_problems("it", parameter.default) == []
            assert parameter.description
            assert parameter.range_words


def test_an_augmentation_is_added_with_one_object_and_one_line(monkeypatch):
    def brighten(values, seed, dtype):
        return keras.layers.Rescaling(1.0, offset=values["by"], dtype=dtype)

    dummy = AugmentationMethod("brighten", (brighten,), {"by": Parameter(0.1, 0, 1, "how much")})
    monkeypatch.setattr(augmentation_methods, "AUGMENTATIONS", [*AUGMENTATIONS, dummy])
    layers = augmentation.build([Augmentation(name="brighten", by=0.2)], seed=0)
    images = np.zeros((1, 2, 2, 1), "float32")
    np.testing.assert_allclose(np.asarray(augmentation.apply(layers, images)), 0.2, atol=1e-6)
