import pytest
from pydantic import ValidationError

from moascope.classification.training.options import (
    Augmentation,
    Training,
)
from moascope.core.options import restore


def test_defaults_are_filled_in():
    assert Augmentation(name="blur", sigma=2).values() == {"sigma": 2.0, "probability": 0.5}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "rotate"}, "unknown augmentation 'rotate'; did you mean 'rotation'"),
        ({"name": "zoom", "factor": 0.1}, "unknown parameter of zoom 'factor'; did you mean"),
        ({"name": "shift", "fraction": 0.9}, "shift.fraction must be between 0.0 and 0.5, got 0.9"),
        ({"name": "shift", "fraction": True}, "shift.fraction must be between 0.0 and 0.5"),
        ({"name": "flip", "p": 0.5}, "unknown parameter of flip 'p'; known: none"),
    ],
)
def test_what_is_wrong_is_refused(given, message):
    with pytest.raises(ValidationError, match=message):
        Augmentation(**given)


def test_all_problems_of_an_augmentation_are_named_at_once():
    with pytest.raises(ValidationError) as raised:
        Augmentation(name="blur", sigma=9, radius=1)
    assert "blur.sigma must be between" in str(raised.value)
    assert "unknown parameter of blur 'radius'" in str(raised.value)


def test_plain_values_of_checked_options_are_restored():
    training = Training(epochs=3)
    assert restore(Training, training.model_dump(mode="json")) == training
    blur = Augmentation(name="blur", sigma=2)
    assert restore(Augmentation, blur.model_dump(mode="json")) == blur


def test_options_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        Training().epochs = 4
