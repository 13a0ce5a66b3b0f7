import json

import pytest
import yaml

from moascope.config.files import check_repeated_keys, repeated_keys
from moascope.core.errors import InputError
from moascope.core.files import unique_keys


def found(tmp_path, text, name="mine.yaml"):
    (tmp_path / name).write_text(text)
    return repeated_keys(tmp_path / name)


def test_a_section_given_twice_is_named_with_both_lines(tmp_path):
    text = "run: a\nmodels:\n  one: {}\ninput:\n  sheet: a\n\nmodels:\n  two: {}\ninput: {}\n"
    assert found(tmp_path, text) == [
        "models: is in line 2 and again in line 7; only the last would count. Fix: remove one, "
        "or join the two",
        "input: is in line 4 and again in line 9; only the last would count. Fix: remove one, or "
        "join the two",
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (
            "models:\n  one:\n    views: 1\n    views: 4\n",
            "models.one.views: is in line 3 and",
        ),
        ("a: [{b: 1, b: 2}]\n", "a.0.b: is in line 1 and again in line 1"),
        ("1: a\n'1': b\n", "1: is in line 1 and again in line 2"),  # one name in the end
        ('{"a": 1,\n "a": 2}', "a: is in line 1 and again in line 2"),
        ('{\n\t"a": 1,\n\t"a": 2}', "the key 'a' is given twice; remove one"),  # tabs: no YAML
    ],
)
def test_repetitions_are_found_at_any_depth(tmp_path, text, place):
    (sentence,) = found(tmp_path, text)
    assert sentence.startswith(place)


@pytest.mark.parametrize(
    "text",
    [
        "base: &base {views: 1}\na:\n  <<: *base\n  views: 4\nb: *base\nc: *base\n",
        "x: &x {a: 1}\ny: &y {b: 1}\nz:\n  <<: *x\n  <<: *y\n",
        "x: &x\n  self: *x\n",
        "a: [1, 1]\nb: {a: 1}\n",
        "",
        "a: [\n",
        "- a\n- b\n",
        '{"a": {"b": 1}, "b": 1}',
    ],
)
def test_anchors_merges_and_broken_files_have_none(tmp_path, text):
    assert found(tmp_path, text) == []


def test_a_file_that_cannot_be_read_has_none(tmp_path):
    assert repeated_keys(tmp_path / "none.yaml") == []
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9\n")
    assert repeated_keys(tmp_path / "latin.yaml") == []


def test_the_shipped_configurations_have_none(repository):
    files = [*repository.glob("config/*.yaml"), *repository.glob("**/profiles/**/*.yaml")]
    assert files
    for file in files:
        assert repeated_keys(file) == []
        yaml.safe_load(file.read_text())


def test_an_object_of_json_with_a_key_twice_is_refused():
    assert json.loads('{"a": 1}', object_pairs_hook=unique_keys) == {"a": 1}
    with pytest.raises(ValueError, match="the key 'train' is given twice"):
        json.loads('{"train": [], "test": [], "train": []}', object_pairs_hook=unique_keys)


def test_files_with_repeated_keys_are_refused(tmp_path):
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("run: a\n")
    second.write_text("run: a\nrun: b\n")
    check_repeated_keys([first])
    with pytest.raises(InputError, match=r"b\.yaml: 1 problem\n.*run: is in line 1"):
        check_repeated_keys([first, second])
