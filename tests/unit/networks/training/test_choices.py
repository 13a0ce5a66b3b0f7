import pytest
from pydantic import Field, create_model

from moascope.core.errors import InputError
from moascope.core.options import Section
from moascope.networks.training.choices import Choice, Choices


class Walk(Section):
    pace: float = Field(5.0, gt=0, description="km/h")
    shoes: bool = Field(True, description="with shoes")


class Run(Section):
    pace: float = Field(10.0, gt=0, description="km/h")
    sprint: bool = Field(False, description="faster at the end")


WAYS = Choices("way", (Choice("walk", Walk), Choice("run", Run)))
Trip = create_model("Trip", __base__=Section, way=(str, "walk"), **WAYS.fields())


def test_a_method_has_its_own_defaults_and_the_values_that_were_set():
    assert WAYS.own(Trip(), "walk") == Walk()
    assert WAYS.own(Trip(pace=12, sprint=True), "run") == Run(pace=12, sprint=True)


def test_limits_of_options_are_kept():
    with pytest.raises(ValueError, match="greater than 0"):
        Trip(pace=0)


def test_keys_of_other_methods_are_refused_with_the_nearest_own():
    assert WAYS.idle_keys(Trip(pace=3, shoes=False), "walk") == []
    assert WAYS.idle_keys(Trip(shoes=False), "run") == [
        "shoes has no effect with way 'run'; set way to walk, or remove shoes"
    ]

    class Hop(Section):
        shoe: bool = Field(True, description="one shoe")

    ways = Choices("way", (*WAYS.known, Choice("hop", Hop)))
    assert ways.idle_keys(Trip(shoes=True), "hop") == [
        "shoes has no effect with way 'hop'; did you mean 'shoe'? Otherwise set way to walk, or "
        "remove shoes"
    ]


def test_without_a_method_only_keys_of_all_have_an_effect():
    assert WAYS.idle_keys(Trip(pace=3, sprint=True), None) == [
        "sprint has no effect without way; set way to run, or remove sprint"
    ]


def test_descriptions_name_methods_and_defaults():
    assert Trip.model_fields["shoes"].description == "walk: with shoes; null: true"
    assert Trip.model_fields["pace"].description == "km/h; null: 10.0 (run), else 5.0"


def test_an_unknown_method_is_answered_with_the_nearest():
    with pytest.raises(InputError, match="unknown way 'wolk'; did you mean 'walk'"):
        WAYS.find("wolk")
