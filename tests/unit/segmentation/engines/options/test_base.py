"""Options that several segmentation engines share."""

import pytest
from pydantic import ValidationError

from moascope.segmentation.engines.options.base import GivenModel, MethodOptions


@pytest.mark.parametrize("diameter", [None, "auto", 0.5, 30])
def test_a_diameter_is_measured_given_or_unknown(diameter):
    assert MethodOptions(diameter=diameter).diameter == diameter


@pytest.mark.parametrize("keys", [{"diameter": 0}, {"diameter": "large"}, {"min_area": 0}])
def test_sizes_are_above_0(keys):
    with pytest.raises(ValidationError, match=next(iter(keys))):
        MethodOptions(**keys)


def test_a_path_of_a_model_may_begin_with_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/anna")
    assert GivenModel(model="~/unet.keras").model == "/home/anna/unet.keras"
