"""Whatever a configuration holds, only errors of the input come out."""

import copy
from pathlib import Path

import pytest
import yaml
from fuzzing import ODD_TEXTS, ODD_VALUES, cases
from hypothesis import given
from hypothesis import strategies as st

from moascope.config import loading, root
from moascope.core.errors import InputError

FOLDER = Path(__file__).resolve().parents[2] / "config"
WHOLE = [yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yaml"))]


def places(value, above=()):
    """List all places in a tree of keys and lists."""
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield (*above, key)
        if isinstance(value[key], dict | list):
            yield from places(value[key], (*above, key))


# Keys that are refused where they do nothing, so that not all can be written out at once.
REFUSED = {
    "splits": {"group", "folds", "file"},
    "models": {"views", "features", "candidates", "augment", "training", "head", "final_fit"},
}


def full(raw):
    """Return a configuration with every key written out that has an effect wherever it stands."""
    loaded = loading.load(raw)
    given = loaded.model_dump(mode="json", exclude_unset=True)
    written = loaded.model_dump(mode="json")
    for key in ("simulate", "normalization"):
        del written[key]
    del written["quality"]["min_sharpness_brightfield"]
    for section, refused in REFUSED.items():
        for name, each in written[section].items():
            kept = {key: value for key, value in each.items() if key not in refused}
            written[section][name] = {**kept, **given[section][name]}
    if written["input"] and written["input"]["format"] == "simulate":
        del written["input"]["delimiter"], written["input"]["path_prefix"]
    if written["input"] and written["input"]["format"] == "idx":  # no plates, and no sheet
        written |= {key: given.get(key, {}) for key in ("input", "quality")}
    segmentation = given.get("segmentation", {})
    kept = {key: segmentation[key] for key in ("engines", "annotated") if key in segmentation}
    written["segmentation"] |= {"engines": {}, **kept}
    return {**written, **{key: given[key] for key in ("simulate", "normalization") if key in given}}


FULL = [full(raw) for raw in WHOLE]
PLACES = [list(places(each)) for each in FULL]


@st.composite
def configurations(draw):
    """Draw a whole configuration with odd values, odd keys and gaps."""
    number = draw(st.integers(0, len(FULL) - 1))
    raw = copy.deepcopy(FULL[number])
    for place in draw(st.lists(st.sampled_from(PLACES[number]), min_size=1, max_size=3)):
        *parents, key = place
        target = raw
        try:
            for parent in parents:
                target = target[parent]
            kind = draw(st.sampled_from(["value", "value", "value", "remove", "key"]))
            if kind == "value":
                target[key] = draw(ODD_VALUES)
            elif kind == "remove":
                del target[key]
            else:
                target[draw(st.one_of(ODD_TEXTS, st.integers(), st.none()))] = draw(ODD_VALUES)
        except (LookupError, TypeError):  # what was there has been replaced
            continue
    return raw


def check(raw):
    try:
        loaded = loading.load(raw, "mine.yaml")
        missing = loading.missing_files(loaded)
        if missing:
            raise InputError.collect(missing, "mine.yaml")
    except InputError as error:
        message = str(error)
        assert message.startswith("mine.yaml: ")
        assert "\x1b" not in message
        message.encode("utf-8")
    else:
        assert loading.load(loaded.model_dump(mode="json", exclude_unset=True)) == loaded


@pytest.mark.parametrize("raw", FULL)
def test_the_configurations_that_are_varied_are_right(raw):
    assert loading.load(raw).run == raw["run"]


@cases(400)
@given(configurations())
def test_of_an_odd_configuration_only_input_errors_come(raw):
    check(raw)


@cases(100)
@given(
    st.dictionaries(
        st.one_of(st.sampled_from(list(root.Config.model_fields)), ODD_TEXTS), ODD_VALUES
    )
)
def test_of_anything_that_is_no_configuration_only_input_errors_come(raw):
    check(raw)


@pytest.mark.parametrize("key", ["seed", "evaluation.permutations", "quality.focus_z"])
@pytest.mark.parametrize(
    "value",
    [-(10**30), 16**5000, -(16**5000), float("nan"), float("inf")],
    ids=["30 digits", "6,000 digits", "negative", "nan", "inf"],
)
def test_numbers_out_of_all_ranges_are_named(key, value):
    raw = copy.deepcopy(FULL[0])
    section, _, last = key.rpartition(".")
    (raw[section] if section else raw)[last] = value
    with pytest.raises(InputError, match=rf"mine\.yaml: 1 problem\n  - {key}: .*got"):
        loading.load(raw, "mine.yaml")


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b", b"\x00", b"null"])
def test_texts_that_no_file_can_hold_are_named(text):
    raw = copy.deepcopy(FULL[0])
    raw["report"]["title"] = text
    raw["input"]["controls"] = ["DMSO", text]
    with pytest.raises(InputError) as caught:
        loading.load(raw, "mine.yaml")
    assert (
        "report.title: is not text: it is binary, or has a null character or half of a surrogate"
        in str(caught.value)
    )
    assert "input.controls.1: is not text: it is binary, or has" in str(caught.value)
