"""All that is wrong with a configuration comes at once, in plain words."""

import copy
import re
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from moascope.config import loading, renames
from moascope.config.problems import _EXPECTED
from moascope.core.errors import InputError
from moascope.core.text.suggestions import unknown
from moascope.simulation import options

FOLDER = Path(__file__).resolve().parents[3] / "config"
LIBRARY_WORDS = re.compile(
    r"Input should|should have|should be|valid (?:string|integer|number|list|dictionary|boolean)"
    r"|validation error|literal\[|constrained|function-|list\[|union|\[key\]|instance of"
)

MINIMAL = {
    "run": "mine",
    "input": {"format": "table", "sheet": "sheet.csv", "channels": {"DNA": "d", "Actin": "a"}},
    "splits": {"loco": {"method": "leave-one-compound-out"}},
    "models": {"m": {"split": "loco", "channel_mapping": "inflate"}},
}


def lines(**changes):
    raw = copy.deepcopy(MINIMAL)
    for place, value in changes.items():
        *parents, key = place.split("__")
        target = raw
        for parent in parents:
            target = target.setdefault(parent, {})
        target[key] = value
    with pytest.raises(InputError) as caught:
        loading.load(raw, "mine.yaml")
    text = str(caught.value)
    assert not LIBRARY_WORDS.search(text), text
    return [line.removeprefix("  - ") for line in text.splitlines()[1:]]


# Every type of error that pydantic raises for our sections, with what is said of it.
WORDS = {
    "string_type": ({"report__title": ["a"]}, "report.title: write text; got ['a']"),
    "list_type": ({"input__controls": "DMSO"}, "input.controls: write a list, as in [a, b]; got"),
    "tuple_type": ({"units__tiles": 2}, "units.tiles: write a list, as in [a, b]; got 2"),
    "dict_type": ({"splits": []}, "splits: write keys with values, as in {key: value}; got []"),
    "model_type": ({"quality": 3}, "quality: write keys with values, as in {key: value}; got 3"),
    "bool_type": (
        {"units__cells": {"mask_neighbours": []}},
        "units.cells.mask_neighbours: write true or false; got []",
    ),
    "bool_parsing": (
        {"quality__exclude_flagged": "maybe"},
        "quality.exclude_flagged: write true or false; got 'maybe'",
    ),
    "int_type": ({"seed": []}, "seed: write a whole number; got []"),
    "int_parsing": ({"seed": "many"}, "seed: write a whole number; got 'many'"),
    "int_parsing_size": (
        {"seed": "9" * 5000},
        "seed: write a whole number of fewer digits; got '9999",
    ),
    "int_from_float": ({"seed": 1.5}, "seed: write a whole number; got 1.5"),
    "float_type": ({"quality__focus_z": []}, "quality.focus_z: write a number; got []"),
    "float_parsing": ({"quality__focus_z": "x"}, "quality.focus_z: write a number; got 'x'"),
    "finite_number": (
        {"quality__focus_z": float("nan")},
        "quality.focus_z: write a number that is not infinite; got nan",
    ),
    "greater_than": ({"quality__focus_z": 0}, "quality.focus_z: write a number above 0; got 0"),
    "greater_than_equal": (
        {"quality__min_foreground": -1},
        "quality.min_foreground: write a number of at least 0; got -1",
    ),
    "less_than": (
        {"quality__min_foreground": 1},
        "quality.min_foreground: write a number below 1; got 1",
    ),
    "less_than_equal": (
        {"quality__max_saturated": 2},
        "quality.max_saturated: write a number of at most 1; got 2",
    ),
    "literal_error": (
        {"splits__loco__method": "leave-one-compund-out"},
        "got 'leave-one-compund-out'; did you mean 'leave-one-compound-out'?",
    ),
    "too_short": ({"splits__loco__group": []}, "write a list with at least 1 entry; got []"),
    "too_long": ({"units__tiles": [1, 2, 3]}, "write a list with at most 2 entries; got [1, 2, 3]"),
    "string_pattern_mismatch": (
        {"input__axes": "cyx"},
        "input.axes: write letters out of C, Y, X, S, Z, T; got 'cyx'",
    ),
    "missing": ({"splits__other": {}}, "splits.other.method: this key is required"),
    "extra_forbidden": ({"qualty": {}}, "qualty: unknown key 'qualty'; did you mean 'quality'?"),
    "value_error": ({"normalization__steps": [{"method": "anscombe"}]}, "must not end with"),
}


@pytest.mark.parametrize("kind", WORDS)
def test_every_type_of_error_is_said_in_plain_words(kind):
    changes, expected = WORDS[kind]
    (line,) = lines(**changes)
    assert expected in line


def test_no_type_of_error_is_left_to_the_library():
    said = {*_EXPECTED, "missing", "extra_forbidden", "value_error"}
    # A section is a mapping or an instance; the second kind cannot come out of a file.
    assert said - {"model_attributes_type"} == set(WORDS)


ODD = [None, "", "odd", 5, -1e9, 10**400, 1.5, float("nan"), True, [], [1], {}, {"a": 1}, [None]]


def places(value, above=()):
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield (*above, key)
        if isinstance(value[key], dict | list):
            yield from places(value[key], (*above, key))


def test_no_value_of_any_key_brings_up_the_words_of_the_library():
    """Of the shipped configurations, every key in turn has odd values."""
    count = 0
    for path in sorted(FOLDER.glob("*.yaml")):
        full = loading.load(yaml.safe_load(path.read_text())).model_dump(mode="json")
        for number, place in enumerate(places(full)):
            raw = copy.deepcopy(full)
            target = raw
            for part in place[:-1]:
                target = target[part]
            target[place[-1]] = ODD[number % len(ODD)]
            try:
                loading.load(raw, "x")
            except InputError as error:
                count += 1
                assert not LIBRARY_WORDS.search(str(error)), str(error)
    assert count > 300


def test_a_list_that_is_too_short_says_how_long_it_must_be():
    expected = "units.tiles: write at least 2 values, as in [a, b]; got [1]"
    assert lines(units__tiles=[1]) == [expected]


def test_values_of_several_types_have_one_line():
    assert lines(input__columns={"plate": 5}) == [
        "input.columns.plate: write text: '5' or a list, as in [a, b]; got 5"
    ]
    (line,) = lines(models__m__head={"shrinkage": 3})
    assert line == "models.m.head.shrinkage: write 'auto' or a number of at most 1; got 3"


def test_what_does_not_go_together_comes_with_the_wrong_values():
    found = lines(
        seed="many",  # a value
        qualty={},  # a key
        models__m__split="lco",  # a reference
        normalization={"steps": [{"method": "percentile", "low": 5, "high": 1}]},  # in a section
        splits__fixed={"method": "fixed"},
        models__n={"split": "loco"},
    )
    assert [line.partition(":")[0] for line in found] == [
        "seed",
        "normalization.steps.0",
        "qualty",
        "splits.fixed",
        "models.m.split",
        "models.n.channel_mapping",
    ]


def test_several_rules_of_one_section_come_at_once():
    found = lines(input={"format": "bbbc021", "channels": {}})
    assert len(found) == 2
    assert "also needs sheet, images, moa_table" in found[0]
    assert "at least one channel" in found[1]


def test_a_misspelled_key_is_not_called_missing_as_well():
    raw = {"models__n": {"spilt": "loco", "channel_mapping": "inflate"}}
    assert lines(**raw) == ["models.n.spilt: unknown key 'spilt'; did you mean 'split'?"]


def test_nothing_is_said_that_only_follows_from_a_mended_value():
    # Without its wrong channel, the input would have too few channels for rgb.
    raw = {"input__channels": {"A": "a", "B": "b", "C": []}, "models__m__channel_mapping": "rgb"}
    (line,) = lines(**raw)
    assert line.startswith("input.channels.C: write text")
    # The default of the wrong value does not fit to the other one.
    steps = [{"method": "percentile", "low": "x", "high": 0.05}]
    (line,) = lines(normalization__steps=steps)
    assert line == "normalization.steps.0.low: write a number; got 'x'"


def test_references_are_checked_beside_wrong_values_that_do_not_matter_for_them():
    found = lines(
        input__controls="DMSO",
        units__tiles=[1],
        splits__loco__validation=0.9,
        models__m={"split": "lco", "channel_mapping": "inflate", "views": 3},
    )
    assert [line.partition(":")[0] for line in found] == [
        "input.controls",
        "units.tiles",
        "splits.loco.validation",
        "models.m.views",
        "models.m.split",
    ]


def test_a_rule_of_a_section_is_not_judged_by_a_replaced_value_deep_within():
    head = {"type": "mpl", "calibrate": "x"}
    (line, other) = lines(models__m={"split": "loco", "channel_mapping": "inflate", "head": head})
    assert line.endswith("got 'mpl'; did you mean 'mlp'?")
    assert other == "models.m.head.calibrate: write 'auto' or true or false; got 'x'"


def test_equal_problems_stand_in_one_line():
    models = {name: {"split": "lco", "channel_mapping": "inflate"} for name in "abcde"}
    assert lines(models=models) == [
        "models.a.split, models.b.split and 3 more: unknown split 'lco'; did you mean 'loco'?"
    ]


def test_files_are_looked_for_although_other_things_are_wrong(tmp_path):
    raw = copy.deepcopy(MINIMAL) | {"seed": "many"}
    raw["input"]["images"] = str(tmp_path / "none")
    with pytest.raises(InputError) as caught:
        loading.load(raw, "mine.yaml", with_files=True)
    text = str(caught.value)
    assert "3 problems" in text
    assert "seed: write" in text
    assert "input.sheet: there is no file 'sheet.csv'; correct the path" in text
    assert f"input.images: there is no folder '{tmp_path}/none'; correct the path" in text


def test_a_right_configuration_has_no_problems():
    assert loading.load(MINIMAL).models["m"].split == "loco"


def test_sections_are_strict_by_themselves():
    with pytest.raises(ValidationError):
        options.Simulate(plates=2, batches=3)


def test_a_name_that_is_like_none_gets_all():
    assert unknown("split", "zzz", ["loco"]) == "unknown split 'zzz'; known: loco"
    assert unknown("split", "zzz", []) == "unknown split 'zzz'; known: none"


# --- paths of the user ------------------------------------------------------------------------


def with_paths(folder):
    """Return a configuration that has every key with a path."""
    return {
        "run": "x",
        "input": {
            **{"format": "bbbc021", "channels": {"DNA": "DAPI"}, "sheet": f"{folder}/a.csv"},
            **{"images": f"{folder}/b", "moa_table": f"{folder}/c", "platemap": f"{folder}/d"},
        },
        "splits": {"f": {"method": "fixed", "file": f"{folder}/e"}},
        "models": {"m": {"split": "f", "channel_mapping": "inflate", "weights": f"{folder}/f"}},
        "segmentation": {
            "channels": ["DNA"],
            "annotated": {
                **{"sheet": f"{folder}/g", "images": f"{folder}/h", "set_file": f"{folder}/i"},
            },
            "engines": {
                "u": {"method": "unet", "model": f"{folder}/j"},
                "s": {"method": "stardist", "model": f"{folder}/k"},
                "c": {"method": "cellpose", "model": f"{folder}/l"},
            },
        },
    }


KEYS = 12


def test_the_home_folder_is_filled_in_in_every_path(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert loading.load(with_paths("~/d")) == loading.load(with_paths("/home/me/d"))
    # A key with a path that is added later is caught here.
    texts = str(loading.load(with_paths("~/d")).model_dump())
    assert "~" not in texts
    assert texts.count("/home/me/d/") == KEYS


def test_the_home_folder_is_filled_in_before_paths_are_joined(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    given = {**MINIMAL["input"], "root": "~/plates", "platemap": "~/map.csv", "images": "sub/~"}
    loaded = loading.load({**MINIMAL, "input": given}).input
    assert loaded.sheet == "/home/me/plates/sheet.csv"
    assert loaded.platemap == "/home/me/map.csv"
    assert loaded.images == "/home/me/plates/sub/~"


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        (
            "$HOME/s.csv",
            "variables such as $HOME are not expanded; set the path, with ~ for the home folder",
        ),
        ("${DATA}/s.csv", "variables such as $HOME are not expanded"),
        ("~nobody-of-this-name/s.csv", "this user is unknown; set the whole path"),
        ("s.csv", "correct the path"),
    ],
)
def test_a_path_that_is_not_there_comes_with_its_likely_cause(path, advice):
    loaded = loading.load({**MINIMAL, "input": {**MINIMAL["input"], "sheet": path}})
    (line,) = loading.missing_files(loaded)
    assert f"input.sheet: there is no file '{path}'; {advice}" in line


def test_braces_in_paths_of_files_are_refused_with_the_reason(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = loading.missing_files(loading.load(with_paths("{plate}")))
    refused = [line for line in lines if "'{'" in line]
    assert len(refused) == KEYS - 2  # folders of images are no inputs of a rule
    assert refused[0] == (
        "input.sheet: '{plate}/a.csv' has a '{', which Snakemake takes for the name of a wildcard; "
        "rename the file or its folder"
    )


def test_keys_that_were_removed_say_what_to_use():
    assert lines(evaluation__bootstrap=100) == [
        "evaluation.bootstrap: this key was removed; delete it, and use evaluation.permutations"
    ]


def test_values_that_were_renamed_are_refused_with_the_new_name():
    assert lines(evaluation__baselines=["majority", "hand-made-svm"]) == [
        "evaluation.baselines.1: 'hand-made-svm' is now called 'hand-crafted-svm'. Fix: rename it"
    ]


def test_keys_that_were_renamed_are_refused_with_the_new_name(monkeypatch):
    monkeypatch.setattr(renames, "RENAMED_KEYS", {"models.*.head.strength": "C"})
    raw_head = {"type": "logistic", "strength": "much"}
    model = {"split": "loco", "channel_mapping": "inflate", "head": raw_head}
    found = lines(splits={"loco": {"method": "leave-one-compound-out"}}, models={"m": model})
    assert found == [
        "models.m.head.strength: this key is now called 'C'. Fix: rename it",
        "models.m.head.C: write a number; got 'much'",
    ]


def test_a_group_of_a_split_that_no_column_has_is_found_in_the_configuration():
    found = lines(splits={"loco": {"method": "leave-one-group-out", "group": ["patient"]}})
    assert len(found) == 1
    assert found[0].startswith("splits.loco.group: unknown group column 'patient'; ")
    assert found[0].endswith(
        "; a column of the sheet is named under input.groups, as in {patient: patient}"
    )
