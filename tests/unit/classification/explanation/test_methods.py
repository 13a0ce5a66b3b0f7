"""Methods are found by name, and their functions exist."""

import pytest

from moascope.classification.explanation.methods import METHODS, get
from moascope.core.errors import InputError
from moascope.core.named_functions import load_function


@pytest.mark.parametrize("method", METHODS, ids=lambda each: each.name)
def test_every_method_has_a_function(method):
    assert get(method.name) is method
    assert callable(load_function(method.function))


def test_an_unknown_method_is_refused_with_a_near_name():
    with pytest.raises(InputError, match="did you mean 'grad-cam'"):
        get("gradcam")
