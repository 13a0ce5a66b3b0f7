"""Keys that do nothing beside the values of other keys are refused."""

import copy

import pytest

from moascope.config import loading
from moascope.core.errors import InputError

CHANNELS = {"DNA": "d", "Actin": "a"}
SCREEN = {
    "run": "mine",
    "input": {"format": "table", "sheet": "sheet.csv", "channels": CHANNELS},
    "splits": {"loco": {"method": "leave-one-compound-out"}},
}
OWN = {"taps": ["a"], "pooling": "mean+sd", "features": ["network"], "head": {"type": "svm"}}
TEXTURE = {"features": ["hand-crafted"]}


def with_model(**options):
    return copy.deepcopy({**SCREEN, "models": {"m": {"split": "loco", **options}}})


def with_split(**options):
    return {**SCREEN, "splits": {"s": {"method": "leave-one-compound-out", **options}}}


def with_input(**options):
    return {"run": "mine", "input": {"channels": {"DNA": 0}, **options}}


def with_steps(*steps):
    return {**SCREEN, "normalization": {"steps": list(steps)}}


def problems(raw):
    with pytest.raises(InputError) as caught:
        loading.load(raw)
    return [line.removeprefix("  - ") for line in str(caught.value).splitlines()[1:]]


@pytest.mark.parametrize(
    ("options", "idle"),
    [
        ({"unfreeze_from": "conv1"}, {"unfreeze_from": "transfer 'frozen'"}),
        ({"transfer": "full", "unfreeze_from": "c"}, {"unfreeze_from": "transfer 'full'"}),
        ({"transfer": "full", "views": 4}, {"views": "transfer 'full'"}),
        (
            {"transfer": "partial", "unfreeze_from": "c", "views": 8},
            {"views": "transfer 'partial'"},
        ),
        ({"transfer": "full", "features": ["network"]}, {"features": "transfer 'full'"}),
        (
            {"transfer": "full", "candidates": {"a": {}, "b": {"pooling": "mean+sd"}}},
            {"candidates": "transfer 'full'"},
        ),
        ({"augment": True}, {"augment": "transfer 'frozen'"}),
        (
            {"training": {"epochs": 3}},
            {"training": "transfer 'frozen' and head.type 'lda'"},
        ),
        (
            {"backbone": "mlp", "weights": "none", "architecture": {"l2": 0.1, "l1": 0.1}},
            {"architecture.l1": "transfer 'frozen'", "architecture.l2": "transfer 'frozen'"},
        ),
        (
            {"head": {"type": "mlp"}, "training": {}, "candidates": {"a": {}, "b": {}}},
            {"training": "candidates"},
        ),
        ({"triple": ["DNA", "DNA", "DNA"]}, {"triple": "channel_mapping 'inflate'"}),
        (
            {**TEXTURE, "backbone": "lenet", "weights": "none", "taps": ["a"], "pooling": "mean"},
            dict.fromkeys(
                ["backbone", "weights", "channel_mapping", "taps", "pooling"],
                "features [hand-crafted]",
            ),
        ),
        (
            {**TEXTURE, "input_size": 96, "views": 1, "triple": ["DNA"] * 3},
            dict.fromkeys(
                ["channel_mapping", "triple", "input_size", "views"], "features [hand-crafted]"
            ),
        ),
        (
            {**OWN, "candidates": {"a": OWN, "b": {**OWN, "head": {"type": "lda"}}}},
            dict.fromkeys(
                ["taps", "pooling", "features", "head"], "candidates that all have their own"
            ),
        ),
        (
            {"taps": ["a"], "candidates": {"a": {"taps": ["b"]}, "b": TEXTURE}},
            {"taps": "candidates that all have their own"},
        ),
        (
            {"candidates": {"a": {}, "b": {**TEXTURE, "taps": ["x"], "pooling": "mean"}}},
            {
                "candidates.b.taps": "features [hand-crafted]",
                "candidates.b.pooling": "features [hand-crafted]",
            },
        ),
    ],
)
def test_keys_of_a_model_without_effect_are_named(options, idle):
    found = problems(with_model(channel_mapping="inflate", **options))
    expected = [f"models.m: {key} has no effect with {why}; remove it" for key, why in idle.items()]
    assert sorted(line for line in found if "has no effect" in line) == sorted(expected)


def test_all_keys_of_all_models_without_effect_come_at_once():
    raw = with_model(channel_mapping="inflate", unfreeze_from="c", training={"momentum": 0.5})
    raw["splits"]["loco"]["folds"] = 3
    assert problems(raw) == [
        "splits.loco: folds has no effect with method 'leave-one-compound-out'; remove it",
        "models.m.training: momentum has no effect with optimizer 'adam'; remove it",
        "models.m: unfreeze_from has no effect with transfer 'frozen'; remove it",
        "models.m: training has no effect with transfer 'frozen' and head.type 'lda'; remove it",
    ]


@pytest.mark.parametrize(
    "options",
    [
        {"channel_mapping": "inflate", "views": 1, "taps": ["a"], "features": ["network"]},
        {"triple": ["DNA", "Actin", "DNA"], "unfreeze_from": None},
        {"channel_mapping": "inflate", "triple": None, "weights": "none"},
        {"channel_mapping": "inflate", "head": {"type": "mlp"}, "training": {"epochs": 3}},
        {"channel_mapping": "inflate", "transfer": "full", "augment": False, "training": {}},
        {"channel_mapping": "inflate", "transfer": "partial", "unfreeze_from": "c", "taps": ["a"]},
        {"channel_mapping": "inflate", "taps": ["a"], "candidates": {"a": {}, "b": TEXTURE}},
        {
            "channel_mapping": "inflate",
            **TEXTURE,
            "taps": ["a"],
            "candidates": {"a": {}, "b": {"features": ["network"]}},
        },
        {
            "channel_mapping": "inflate",
            "head": {"type": "svm"},
            "candidates": {"a": {}, "b": {"head": {"type": "lda"}}},
        },
    ],
)
def test_keys_of_a_model_with_an_effect_or_null_are_taken(options):
    assert loading.load(with_model(**options)).models["m"]


def test_without_features_of_the_network_channels_need_no_mapping():
    loaded = loading.load(with_model(**TEXTURE)).models["m"]
    assert loaded.network_pass() is None
    raw = with_model(candidates={"a": TEXTURE, "b": {**TEXTURE, "head": {"type": "svm"}}})
    assert loading.load(raw).models["m"].network_pass() is None


FOLDER = {"format": "folder", "images": "i", "pattern": "p"}


@pytest.mark.parametrize(
    ("options", "key", "reason"),
    [
        ({**FOLDER, "sheet": "s.csv"}, "sheet", "format 'folder'"),
        ({**FOLDER, "delimiter": ","}, "delimiter", "format 'folder'"),
        ({**FOLDER, "path_column": "p"}, "path_column", "format 'folder'"),
        ({**FOLDER, "path_prefix": {"/a": "/b"}}, "path_prefix", "format 'folder'"),
        ({"format": "table", "sheet": "s.csv", "pattern": "p"}, "pattern", "format 'table'"),
        ({"format": "simulate", "sheet": "s.csv"}, "sheet", "format 'simulate'"),
        ({"format": "loaddata", "sheet": "s", "path_column": "p"}, "path_column", "format 'load"),
        ({"format": "classes", "images": "i", "path_column": "p"}, "path_column", "sheet null"),
        (
            {"format": "classes", "images": "i", "sheet": "s.csv", "pattern": "p"},
            "pattern",
            "sheet 's.csv'",
        ),
    ],
)
def test_keys_of_other_formats_are_named(options, key, reason):
    (line,) = problems(with_input(**options))
    assert line.startswith(f"input: {key} has no effect with {reason}")


@pytest.mark.parametrize(
    "options",
    [
        {**FOLDER, "sheet": None, "path_column": None},
        {"format": "table", "sheet": "s.csv", "path_column": "p", "delimiter": ","},
        {"format": "classes", "images": "i", "pattern": "p"},
        {"format": "classes", "images": "i", "sheet": "s.csv", "path_column": "p"},
    ],
)
def test_keys_of_the_format_are_taken(options):
    assert loading.load(with_input(**options)).input.format == options["format"]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (with_split(group=["well"]), "splits.s: group has no effect with method 'leave-one-comp"),
        (
            with_split(method="stratified-k-fold", group=["well"]),
            "splits.s: group has no effect with method 'stratified-k-fold'; remove it",
        ),
        (
            with_split(method="fixed", file="f.csv", folds=3),
            "splits.s: folds has no effect with method 'fixed'; remove it",
        ),
        (
            with_split(method="group-k-fold", file="f.csv"),
            "splits.s: file has no effect with method 'group-k-fold'; remove it",
        ),
        (
            with_split(audit={"images": False, "orientations": False, "groups": ["well"]}),
            "splits.s.audit: orientations has no effect with images false; remove it",
        ),
        (
            with_split(audit={"images": False, "min_correlation": 0.9}),
            "splits.s.audit: min_correlation has no effect with images false; remove it",
        ),
        (
            with_split(audit={"images": False, "min_overlap_correlation": 0.9}),
            "splits.s.audit: min_overlap_correlation has no effect with images false; remove it",
        ),
        (
            with_steps({"method": "zscore", "scope": "controls", "low": 1}),
            "normalization.steps.0: low has no effect with method 'zscore'; remove it",
        ),
        (
            with_steps({"method": "minmax", "high": 99}),
            "normalization.steps.0: high has no effect with method 'minmax'; remove it",
        ),
        (
            with_steps({"method": "percentile", "z_range": [-1, 1]}),
            "normalization.steps.0: z_range has no effect with method 'percentile'; remove it",
        ),
        (
            with_steps({"method": "anscombe", "scope": "plate"}, {"method": "minmax"}),
            "normalization.steps.0: scope has no effect with method 'anscombe'; remove it",
        ),
        (
            with_steps({"method": "zscore", "z_range": [-1, 1]}, {"method": "minmax"}),
            "normalization: steps[0].z_range has no effect with steps behind it; remove it",
        ),
        (
            {**SCREEN, "simulate": {"plates": 4}},
            "simulate: this section has no effect with input.format 'table'; remove it",
        ),
        (
            {
                **{"run": "x", "simulate": {}},
                "segmentation": {
                    "channels": ["DNA"],
                    "annotated": {"sheet": "s.csv"},
                    "engines": {"c": {"method": "classical"}},
                },
            },
            "simulate: this section has no effect with input null; remove it",
        ),
        (
            {**SCREEN, "quality": {"min_sharpness_brightfield": -1}},
            "quality: min_sharpness_brightfield has no effect with input.brightfield []; remove it",
        ),
        (
            {
                **SCREEN,
                "segmentation": {"engines": {"c": {"method": "classical"}}},
                "units": {"cells": {"crop": 32}, "min_foreground": 0.1},
            },
            "units: min_foreground has no effect with cells; remove it",
        ),
    ],
)
def test_keys_of_other_sections_without_effect_are_named(raw, expected):
    (line,) = problems(raw)
    assert line.startswith(expected)


@pytest.mark.parametrize(
    "raw",
    [
        with_split(method="group-k-fold", group=["well"], folds=3, repeats=2, file=None),
        with_split(method="leave-one-group-out", group=["well"], validation=0.2),
        # The share is used where the list has no validation units; repeats have other seeds.
        with_split(method="fixed", file="f.csv", validation=0.2, repeats=2),
        with_split(audit={"images": False, "groups": ["well"], "on_leak": "warn"}),
        with_steps({"method": "percentile", "low": 1, "high": 99, "scope": "image"}),
        with_steps({"method": "anscombe"}, {"method": "zscore", "z_range": [-1, 1]}),
        {
            **SCREEN,
            "input": {**SCREEN["input"], "brightfield": ["DNA"]},
            "quality": {"min_sharpness_brightfield": -1},
        },
        {
            "run": "x",
            "input": {"format": "simulate", "channels": CHANNELS},
            "simulate": {"plates": 2},
        },
        {**SCREEN, "units": {"min_foreground": 0.1}},
    ],
)
def test_keys_of_other_sections_with_an_effect_are_taken(raw):
    assert loading.load(raw).run == raw["run"]


def with_segmentation(annotated, **engine):
    engines = {"u": {"method": "unet", **engine}}
    section = {"channels": ["DNA"], "annotated": {"sheet": "s.csv", **annotated}}
    return {"run": "mine", "segmentation": {**section, "engines": engines}}


def test_keys_of_segmentation_without_effect_are_named():
    annotated = {"set_file": "sets.json", "set_column": "set", "sets": {"1": "train"}}
    augmentation = {"warp": 0, "rotation": 9, "zoom": [0.5, 2], "elastic": 1}
    place = "segmentation.engines.u.augmentation"
    assert problems(with_segmentation(annotated, augmentation=augmentation)) == [
        "segmentation.annotated: set_column has no effect with set_file 'sets.json'; remove it",
        "segmentation.annotated: sets has no effect with set_file 'sets.json'; remove it",
        f"{place}: rotation has no effect with warp 0; remove it",
        f"{place}: zoom has no effect with warp 0; remove it",
        f"{place}: elastic has no effect with warp 0; remove it",
    ]


@pytest.mark.parametrize(
    ("annotated", "augmentation"),
    [({"set_file": "s.json"}, {"warp": 0}), ({"set_column": "set"}, {"warp": 0.1, "elastic": 1})],
)
def test_keys_of_segmentation_with_an_effect_are_taken(annotated, augmentation):
    assert loading.load(with_segmentation(annotated, augmentation=augmentation)).run == "mine"


def test_a_written_out_configuration_of_set_keys_is_read_again():
    raw = with_model(channel_mapping="inflate", head={"type": "svm", "C": 2})
    loaded = loading.load(raw)
    assert loading.load(loaded.model_dump(mode="json", exclude_unset=True)) == loaded


def test_a_wrong_value_does_not_make_other_keys_idle():
    raw = with_model(channel_mapping="inflate", transfer=3, unfreeze_from="c", views=1)
    (line,) = problems(raw)
    assert line.startswith("models.m.transfer: write 'frozen', 'partial' or 'full'")
    brightfield = {"input": {**SCREEN["input"], "brightfield": "DNA"}}
    quality = {"quality": {"min_sharpness_brightfield": -1}}
    (line,) = problems({**SCREEN, **brightfield, **quality})
    assert line.startswith("input.brightfield: write a list")
