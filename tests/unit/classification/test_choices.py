"""Choices of features and a head."""

import json

from raw_configs import model

from moascope.classification import selection
from moascope.config import loading


def test_choices_go_through_the_parameters_of_a_rule():
    candidates = {"texture": {"features": ["hand-crafted"]}, "kernel": {"head": {"type": "svm"}}}
    choices = loading.load(model(candidates=candidates)).models["m"].choices()
    params = {name: choice.model_dump(mode="json") for name, choice in choices.items()}
    assert params["kernel"]["head"]["gamma"] == "scale"
    assert selection.read_choices(json.loads(json.dumps(params))) == choices
