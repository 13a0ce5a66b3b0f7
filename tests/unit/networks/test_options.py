import pytest
from pydantic import ValidationError

from moascope.networks.options import BackboneOptions, FrozenNetwork


def test_an_unknown_backbone_is_refused_with_the_nearest():
    with pytest.raises(ValidationError, match=r"there is no 'ResNet51'\. Did you mean ResNet50"):
        BackboneOptions(backbone="ResNet51")


def test_other_numbers_of_views_are_refused():
    with pytest.raises(ValidationError, match="views"):
        FrozenNetwork(views=3)


def test_options_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        FrozenNetwork().views = 4
