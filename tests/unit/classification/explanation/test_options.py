"""Section `explain`: models and methods that there are, and that go together."""

import pytest

from moascope.classification.explanation.methods import METHODS
from moascope.config.loading import load
from moascope.core.errors import InputError

SMALL = {"backbone": "convnet", "weights": "none", "transfer": "full", "input_size": 32}
LINEAR = {**SMALL, "head": {"type": "mlp", "hidden": []}}


def config(explain, backend="tensorflow", **models):
    return load(
        {
            "run": "r",
            "input": {"format": "classes", "images": "i", "channels": {"a": 0, "b": 1, "c": 2}},
            "splits": {"s": {"method": "stratified-k-fold"}},
            "models": {
                name: {"split": "s", **values}
                for name, values in (models or {"net": LINEAR}).items()
            },
            "compute": {"keras_backend": backend},
            "explain": explain,
        }
    )


@pytest.mark.parametrize(
    ("explain", "models", "message"),
    [
        ({"models": ["nett"]}, {}, "did you mean 'net'"),
        ({"methods": ["grad-cams"]}, {}, "grad-cam"),
        ({"models": []}, {}, "models"),
        ({"units_per_class": 0}, {}, "units_per_class"),
        ({"models": ["h"]}, {"h": {"features": ["hand-crafted"]}}, "h has no network"),
        ({}, {"h": {"features": ["hand-crafted"]}}, "no model has a network"),
        (
            {"methods": ["class-activation"]},
            {"deep": {**SMALL, "head": {"type": "mlp", "hidden": [8]}}},
            "class-activation cannot explain deep: it needs the pooling mean",
        ),
        (
            {"methods": ["class-activation"]},
            {"deep": {**LINEAR, "pooling": "mean+sd"}},
            "it needs the pooling mean",
        ),
        (
            {"methods": ["grad-cam"]},
            {"trees": {"head": {"type": "gradient-boosting"}}},
            "the head gradient-boosting has no gradients",
        ),
        (
            {"methods": ["grad-cam"]},
            {"both": {"features": ["network", "hand-crafted"]}},
            "hand-crafted features, which have no map",
        ),
    ],
)
def test_explanations_that_cannot_be_are_refused(explain, models, message):
    with pytest.raises(InputError, match=message):
        config(explain, **models)


def test_gradients_need_tensorflow():
    with pytest.raises(InputError, match=r"need compute\.keras_backend tensorflow, not jax"):
        config({"methods": ["grad-cam"]}, backend="jax")
    allowed = config({}, backend="jax")
    names = allowed.explain.methods_of(allowed.models["net"], "jax")
    assert names == ["occlusion", "channel-ablation", "robustness"]


def test_without_names_all_networks_are_explained_by_all_methods_that_they_allow():
    hidden = {**SMALL, "head": {"type": "mlp", "hidden": [8]}}
    loaded = config({}, linear=LINEAR, deep=hidden, h={"features": ["hand-crafted"]})
    assert loaded.explain.models_of(loaded.models) == ["linear", "deep"]
    linear, deep = (
        loaded.explain.methods_of(loaded.models[name], "tensorflow") for name in ("linear", "deep")
    )
    assert linear == [each.name for each in METHODS if each.name != "one-pixel"]
    assert set(linear) - set(deep) == {"class-activation"}


def test_nothing_is_explained_by_default():
    assert config(None).explain is None
