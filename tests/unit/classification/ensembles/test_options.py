"""Section `ensembles`: members that there are, of one split, and at least two voters."""

import pytest

from moascope.config.loading import load
from moascope.core.errors import InputError


def config(ensembles, repeats=1):
    split = {"method": "stratified-k-fold", "repeats": repeats}
    return load(
        {
            "run": "r",
            "input": {
                "format": "classes",
                "images": "i",
                "channels": {"a": 0, "b": 1, "c": 2},
            },
            "splits": {"s": split, "t": split},
            "models": {"m": {"split": "s"}, "n": {"split": "t"}, "o": {"split": "s"}},
            "ensembles": ensembles,
        }
    )


@pytest.mark.parametrize(
    ("ensemble", "message"),
    [
        ({"v": {"members": ["m", "oo"]}}, "did you mean 'o'"),
        ({"v": {"members": ["m", "n"]}}, r"different splits \(s, t\)"),
        ({"v": {"members": ["m", "m"]}}, "'m' is named twice"),
        ({"v": {"members": ["m"]}}, r"one voter.*splits\.s\.repeats"),
        ({"n": {"members": ["m", "o"]}}, "a model has this name too"),
        ({"v": {"members": []}}, "members"),
        ({"v": {"members": ["m", "o"], "combine": "median"}}, "combine"),
    ],
)
def test_ensembles_that_cannot_be_are_refused(ensemble, message):
    with pytest.raises(InputError, match=message):
        config(ensemble)


def test_one_model_with_repetitions_and_several_models_are_ensembles():
    assert list(config({"v": {"members": ["m", "o"]}}).ensembles) == ["v"]
    assert config({"v": {"members": ["m"]}}, repeats=2).ensembles["v"].combine == "mean"
