import pytest
from pydantic import ValidationError

from moascope.classification.heads.kinds.mlp import MlpOptions
from moascope.classification.options import Model
from moascope.classification.training.options import (
    Augmentation,
    FineTuning,
    Training,
    read_network,
)
from moascope.core.options import restore
from moascope.networks.options import FrozenNetwork


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


def test_a_tuned_network_has_only_the_options_that_it_depends_on():
    model = Model(
        split="s",
        transfer="full",
        weights="none",
        head={"type": "mlp", "hidden": [8], "l2": 0.1},
        training={"epochs": 3},
    )
    tuned = model.fine_tuning()
    assert tuned.head == MlpOptions(hidden=[8], l2=0.1)
    assert tuned.training.epochs == 3
    assert restore(FineTuning, tuned.model_dump(mode="json")) == tuned
    assert read_network(tuned.model_dump(mode="json")) == tuned


def test_a_tuned_network_without_an_mlp_head_has_no_hidden_layers():
    tuned = Model(split="s", transfer="full", weights="none").fine_tuning()
    assert tuned.head == MlpOptions(hidden=[])


def test_a_network_that_is_frozen_is_read_as_such():
    network = Model(split="s", feature_layers=["block2_add"]).network_pass()
    assert network == FrozenNetwork(feature_layers=["block2_add"])
    assert read_network({**network.model_dump(mode="json"), "transfer": "frozen"}) == network
