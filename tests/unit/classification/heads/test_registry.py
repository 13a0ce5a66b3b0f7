"""Types of head: one object each, found by name, with their keys in the configuration."""

import dataclasses
import subprocess
import sys
from typing import Literal

import numpy as np
import pytest
from blobs import Fold, blobs
from pydantic import Field, ValidationError

from moascope.classification.heads import cross_validation, registry
from moascope.classification.heads.base import CalibratedOptions, HeadType
from moascope.classification.heads.options import join_sections
from moascope.core.errors import InputError


class NearestOptions(CalibratedOptions):
    type: Literal["nearest-mean"] = "nearest-mean"
    width: float = Field(1.0, gt=0, description="distance that counts as one")


@dataclasses.dataclass(frozen=True)
class NearestMean:
    """Distances to class means, as logits."""

    classes: tuple[str, ...]
    means: np.ndarray
    weights: np.ndarray
    bias: np.ndarray

    def logits(self, features):
        distances = np.linalg.norm(features[:, None] - self.means, axis=2)
        return -distances @ self.weights + self.bias


def fit_nearest(features, labels, options, seed):
    classes, codes = np.unique(labels, return_inverse=True)
    means = np.stack([features[codes == code].mean(axis=0) for code in range(len(classes))])
    weights = np.eye(len(classes)) / options.width
    return NearestMean(tuple(map(str, classes)), means, weights, np.zeros(len(classes)))


DUMMY = HeadType("nearest-mean", "the nearest class mean", NearestOptions, fit_nearest)


def test_a_new_type_is_one_object_and_one_line(monkeypatch):
    monkeypatch.setattr(registry, "HEADS", (*registry.HEADS, DUMMY))
    features, labels = blobs(seed=1)
    rows = np.arange(len(labels))
    options = registry.read_options({"type": "nearest-mean", "calibrate": False})
    table = cross_validation.fit_predict_folds(
        features, rows, labels, [Fold(0, rows[:60], rows[60:])], options
    )
    assert (table["moa"] == table["predicted"]).mean() > 0.8


def test_a_new_type_adds_its_keys_to_the_configuration(monkeypatch):
    monkeypatch.setattr(registry, "HEADS", (*registry.HEADS, DUMMY))
    section = join_sections(registry.HEADS)
    head = section.model_validate({"type": "nearest-mean", "width": 2.0})
    assert head.own_options() == NearestOptions(width=2.0)
    properties = section.model_json_schema()["properties"]
    assert properties["width"]["description"] == "nearest-mean: distance that counts as one"
    assert properties["type"]["enum"][-1] == "nearest-mean"
    assert properties["type"]["description"].endswith(", or the nearest class mean")


@pytest.mark.parametrize("head", registry.HEADS, ids=lambda head: head.name)
def test_every_type_reads_its_own_options(head):
    options = registry.read_options({"type": head.name})
    assert type(options) is head.options
    assert options == head.options()
    assert registry.get(options.type) is head


def test_types_have_different_names():
    names = [head.name for head in registry.HEADS]
    assert len(set(names)) == len(names)


def test_types_without_a_fit_function_are_networks():
    for head in registry.HEADS:
        assert head.is_network == (head.fit is None)
        assert not (head.is_network and (head.is_linear or head.may_be_candidate))


def test_environments_of_heads_exist(repository):
    for head in registry.HEADS:
        assert list((repository / "envs").glob(f"{head.environment}*.yaml"))


@pytest.mark.parametrize(
    ("name", "hint"), [("svn", "did you mean 'svm'?"), ("forest", "known: lda, logistic, svm")]
)
def test_unknown_names_are_refused_with_a_suggestion(name, hint):
    with pytest.raises(InputError) as error:
        registry.get(name)
    assert f"head.type: unknown type of head {name!r}; {hint}" in str(error.value)


def test_keys_of_other_types_are_refused():
    with pytest.raises(ValidationError, match="gamma"):
        registry.read_options({"type": "lda", "gamma": 1.0})


def test_options_are_read_without_numpy(repository):
    code = (
        "import sys; import moascope.classification.options; "
        "print(sorted({'numpy', 'sklearn', 'scipy', 'tensorflow'} & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=repository / "workflow",
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == "[]"
