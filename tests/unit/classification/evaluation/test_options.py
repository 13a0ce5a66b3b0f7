"""Options of an evaluation."""

import pytest
from pydantic import ValidationError

from moascope.classification import baseline_registry
from moascope.classification.evaluation.options import Evaluation
from moascope.core.options import restore


def test_slow_baselines_do_not_run_by_default():
    assert Evaluation().baselines == list(baseline_registry.DEFAULT_NAMES)
    assert "hand-crafted-gradient-boosting" not in Evaluation().baselines
    named = Evaluation(baselines=["hand-crafted-gradient-boosting"])
    assert named.baselines == ["hand-crafted-gradient-boosting"]


@pytest.mark.parametrize(
    ("key", "wrong", "right"),
    [
        ("permutations", 199, 200),
        ("confidence", 0.5, 0.51),
        ("confidence", 1.0, 0.99),
        ("calibration_bins", 1, 2),
        ("baselines", [], ["majority"]),
        ("baselines", ["cell-size"], ["cell-count"]),
        ("aggregate", "mode", "vote"),
    ],
)
def test_values_outside_of_their_range_are_refused(key, wrong, right):
    assert getattr(Evaluation(**{key: right}), key) == right
    with pytest.raises(ValidationError, match=key):
        Evaluation(**{key: wrong})


def test_options_survive_the_parameters_of_a_rule():
    given = Evaluation(aggregate="vote", confidence=0.9, baselines=["layout", "majority"])
    assert restore(Evaluation, given.model_dump(mode="json")) == given
