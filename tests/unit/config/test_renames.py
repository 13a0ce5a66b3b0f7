import re

import pytest

from moascope.config import loading, renames
from moascope.core.errors import InputError

SCREEN = {"format": "table", "sheet": "s.csv", "channels": {"DNA": "d"}}
MODEL = {"split": "loco", "channel_mapping": "inflate", "features": ["network"]}


@pytest.fixture
def tables(monkeypatch):
    keys = {"models.*.head.strength": "C", "turns": "views"}
    monkeypatch.setattr(renames, "RENAMED_KEYS", keys)
    monkeypatch.setattr(renames, "RENAMED_VALUES", {"list.*": {"old": "new"}})


@pytest.mark.usefixtures("tables")
def test_a_star_stands_for_one_name_or_number():
    assert renames.new_key(("models", "lite0", "head", "strength")) == "C"
    assert renames.new_key(("models", "lite0", "strength")) is None
    assert renames.new_value(("list", 3), "old") == "new"


@pytest.mark.usefixtures("tables")
def test_other_keys_and_values_have_no_new_name():
    assert renames.new_key(("turns",)) == "views"
    assert renames.new_key(("views",)) is None
    assert renames.new_value(("list", 0), "new") is None
    assert renames.new_value(("list", 0), ["old"]) is None
    assert renames.new_value(("other", 0), "old") is None


def test_a_removed_key_has_advice():
    assert "permutations" in renames.removal_of(("evaluation", "bootstrap"))
    assert renames.removal_of(("evaluation", "permutations")) is None


def refused(model=None, segmentation=None):
    """Return the problems of a configuration with these keys."""
    raw = {
        "run": "x",
        "input": SCREEN,
        "splits": {"loco": {"method": "leave-one-compound-out"}},
        "models": {"m": {**MODEL, **(model or {})}},
        "segmentation": segmentation or {},
    }
    with pytest.raises(InputError) as error:
        loading.load(raw)
    return str(error.value)


def engine(method, key, value):
    return {"segmentation": {"engines": {"e": {"method": method, key: value}}}}


@pytest.mark.parametrize(
    ("old", "config", "new"),
    [
        ("models.m.taps", {"model": {"taps": ["a"]}}, "feature_layers"),
        (
            "models.m.candidates.a.taps",
            {"model": {"candidates": {"a": {"taps": ["a"]}, "b": {}}}},
            "feature_layers",
        ),
        ("models.m.triple", {"model": {"triple": ["DNA"] * 3}}, "rgb_channels"),
        (
            "segmentation.split_merged",
            {"segmentation": {"split_merged": True}},
            "split_disconnected",
        ),
        (
            "segmentation.engines.e.correction",
            engine("classical", "correction", 0.8),
            "threshold_correction",
        ),
        (
            "segmentation.engines.e.separation",
            engine("classical", "separation", 0.3),
            "min_distance",
        ),
        ("segmentation.engines.e.turns", engine("unet", "turns", True), "test_time_augmentation"),
        ("segmentation.engines.e.rays", engine("stardist", "rays", 64), "n_rays"),
    ],
)
def test_a_former_key_is_refused_with_its_new_name(old, config, new):
    assert f"{old}: this key is now called {new!r}. Fix: rename it" in refused(**config)


def test_a_former_value_is_refused_with_its_new_name():
    text = refused(model={"channel_mapping": "triple"})
    assert "models.m.channel_mapping: 'triple' is now called 'rgb'. Fix: rename it" in text


def test_every_new_key_is_in_the_reference(repository):
    page = (repository / "docs/reference/configuration.md").read_text()
    for new in renames.RENAMED_KEYS.values():
        assert re.search(rf"^\| `{new}` \|", page, re.MULTILINE), new
