"""Options of threshold and watershed."""

import pytest
from pydantic import ValidationError

from moascope.segmentation.engines.options.classical import ClassicalOptions


def test_objects_are_bright_and_lengths_are_tuned_by_default():
    options = ClassicalOptions()
    assert (options.polarity, options.threshold) == ("bright", "otsu")
    assert options.threshold_correction is options.smoothing is options.min_distance is None


@pytest.mark.parametrize(
    ("keys", "right"),
    [
        ({"threshold_correction": 0}, 0.01),
        ({"threshold_correction": 10.5}, 10),
        ({"smoothing": -0.1}, 0),
        ({"smoothing": 1.1}, 1),
        ({"min_distance": 0}, 0.01),
        ({"min_distance": 2.1}, 2),
        ({"threshold": "mean"}, "triangle"),
        ({"polarity": "grey"}, "dark"),
    ],
)
def test_parameters_are_limited(keys, right):
    (key,) = keys
    assert getattr(ClassicalOptions(**{key: right}), key) == right
    with pytest.raises(ValidationError, match=key):
        ClassicalOptions(**keys)
