import pytest

from moascope.config import renames


@pytest.fixture(autouse=True)
def tables(monkeypatch):
    keys = {"models.*.head.strength": "C", "turns": "views"}
    monkeypatch.setattr(renames, "RENAMED_KEYS", keys)
    monkeypatch.setattr(renames, "RENAMED_VALUES", {"list.*": {"old": "new"}})


def test_a_star_stands_for_one_name_or_number():
    assert renames.new_key(("models", "lite0", "head", "strength")) == "C"
    assert renames.new_key(("models", "lite0", "strength")) is None
    assert renames.new_value(("list", 3), "old") == "new"


def test_other_keys_and_values_have_no_new_name():
    assert renames.new_key(("turns",)) == "views"
    assert renames.new_key(("views",)) is None
    assert renames.new_value(("list", 0), "new") is None
    assert renames.new_value(("list", 0), ["old"]) is None
    assert renames.new_value(("other", 0), "old") is None


def test_a_removed_key_has_advice():
    assert "permutations" in renames.removal_of(("evaluation", "bootstrap"))
    assert renames.removal_of(("evaluation", "permutations")) is None
