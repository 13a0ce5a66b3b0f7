"""A normalization method is one object and one line in the registry."""

from typing import Annotated

import numpy as np
import pandas as pd
import pytest
from fake_store import FakeStore
from pydantic import ValidationError, create_model

from moascope.core.errors import InputError
from moascope.core.options import OneOf
from moascope.preprocessing import normalization
from moascope.preprocessing.normalization_methods import registry
from moascope.preprocessing.normalization_methods.base import Method, clip_to_unit_range, rescale
from moascope.preprocessing.normalization_methods.options import Normalization, NormalizationStep

MEDIAN = Method(
    name="median",
    keys=("scope",),
    apply=lambda values, statistics, step: rescale(
        values, offset=np.zeros(1), spread=2 * statistics[0]
    ),
    statistics=("median",),
    estimate_from_images=lambda values, step: (np.median(values, axis=(2, 3)),),
    estimate_from_plate=lambda images, step: (
        np.mean([np.median(batch, axis=(0, 2)) for batch in images.batches()], axis=0),
    ),
    to_unit_range=clip_to_unit_range,
)


@pytest.fixture
def with_median(monkeypatch):
    """The class of a step as it is defined with the new method in the registry."""
    monkeypatch.setattr(registry, "METHODS", [*registry.METHODS, MEDIAN])
    method = Annotated[str, OneOf(tuple(registry.names()))]
    return create_model("Step", __base__=NormalizationStep, method=(method, ...))


@pytest.fixture
def store():
    pixels = np.random.default_rng(0).gamma(3, 100, (4, 2, 9, 9)).astype(np.float32)
    return FakeStore(pixels, ["a", "b"])


def test_a_new_method_normalizes_single_images(store, with_median):
    options = Normalization(steps=[with_median(method="median")])
    found = normalization.apply(store.pixels, pd.DataFrame(), options, ["a", "b"])
    expected = np.clip(store.pixels / (2 * np.median(store.pixels, (2, 3), keepdims=True)), 0, 1)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_new_method_takes_statistics_from_controls(store, with_median):
    sites = pd.DataFrame(
        {"site_id": store.site_ids, "plate": "P1", "role": "control", "flagged": False}
    )
    options = Normalization(steps=[with_median(method="median", scope="controls")])
    statistics = normalization.fit_plate(store, sites, options)
    np.testing.assert_allclose(statistics["value"], np.median(store.pixels, axis=(0, 2, 3)))
    assert list(statistics["statistic"]) == ["median", "median"]
    found = normalization.apply(store.pixels, statistics, options, ["a", "b"])
    assert found.mean() == pytest.approx(0.5, abs=0.1)


def test_a_new_method_refuses_the_keys_of_others(with_median):
    with pytest.raises(ValidationError, match="low has no effect with method 'median'"):
        with_median(method="median", low=2.0)


def test_an_unknown_method_is_refused_with_the_nearest_one():
    with pytest.raises(InputError, match=r"unknown method 'zscor'; did you mean 'zscore'\?"):
        registry.find_method("zscor")


def test_methods_have_distinct_names_and_statistics_with_a_scope():
    names = registry.names()
    assert len(set(names)) == len(names)
    for method in registry.METHODS:
        assert bool(method.statistics) == ("scope" in method.keys)
