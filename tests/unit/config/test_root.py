import subprocess
import sys

import pytest
import yaml
from pydantic import ValidationError
from raw_configs import (
    CHANNELS,
    MINIMAL,
    SCREEN,
    model,
    problem_lines,
    problems,
    with_model,
)

from moascope.config import loading
from moascope.core.errors import InputError


def with_split(**options):
    return {**SCREEN, "splits": {"s": {"method": "leave-one-compound-out", **options}}}


def with_steps(*steps):
    return {**SCREEN, "normalization": {"steps": list(steps)}}


def test_a_minimal_file_gets_every_default():
    loaded = loading.load(MINIMAL)
    assert loaded.seed == 1
    assert loaded.section("quality")["exclude_flagged"] is True
    assert loaded.models == {}


@pytest.mark.parametrize(
    "options", [{"transfer": "full", "weights": "none"}, {"head": {"type": "mlp"}}]
)
def test_patience_needs_validation_units(options):
    raw = {**model(**options, training={"patience": 3})}
    message = (
        r"models\.m\.training\.patience: there are no validation units whose loss could stop the "
        r"training; set splits\.loco\.validation, for example to 0\.2, or remove patience"
    )
    with pytest.raises(InputError, match=message):
        loading.load(raw)
    raw["splits"]["loco"]["validation"] = 0.2
    assert loading.load(raw).models["m"].training.patience == 3


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"beta1": 0.5}, "models.m.training.beta1: unknown key 'beta1'; did you mean 'beta_1'?"),
        ({"optimizer": "adma"}, "got 'adma'; did you mean 'adam'?"),
        ({"schedule": "cosin"}, "got 'cosin'; did you mean 'cosine'?"),
        ({"loss": "focl"}, "got 'focl'; did you mean 'focal'?"),
        (
            {"optimizer": "sgd", "beta_1": 0.5},
            "models.m.training: beta_1 has no effect with optimizer 'sgd'; set optimizer to adam",
        ),
    ],
)
def test_wrong_names_of_training_options_are_answered_with_the_nearest(training, message):
    with pytest.raises(InputError) as raised:
        loading.load(model(transfer="full", weights="none", training=training))
    assert message in str(raised.value)


def test_tensorboard_logs_need_tensorflow():
    raw = {**model(head={"type": "mlp"}, training={"tensorboard": True})}
    assert loading.load(raw)
    with pytest.raises(InputError, match=r"its logs need compute\.keras_backend tensorflow"):
        loading.load({**raw, "compute": {"keras_backend": "jax"}})


def test_units_of_a_fixed_list_may_calibrate(tmp_path):
    head = {"type": "lda", "calibrate": True}
    model = {"split": "f", "channel_mapping": "inflate", "head": head}
    splits = {"f": {"method": "fixed", "file": "folds.csv"}}
    assert loading.load({**MINIMAL, "splits": splits, "models": {"m": model}}).models["m"]


def test_two_channels_cannot_be_mapped_to_a_triple():
    changed = {
        **MINIMAL,
        "splits": {"loco": {"method": "leave-one-compound-out"}},
        "models": {"m": {"split": "loco"}},
    }
    assert "'rgb' needs three channels, the input has 2" in problems(changed)


def test_a_missing_key_is_named():
    assert "input.channels: this key is required" in problems(
        {"run": "x", "input": {"format": "table", "sheet": "s"}}
    )


UNET = {"engines": {"unet": {"method": "unet"}}}


ANNOTATED = {"sheet": "s.csv", "image": "{id}.png", "mask": "{id}_mask.png"}


def test_without_a_screen_there_must_be_annotated_images():
    assert "input: this key is required (or segmentation.annotated)" in problems({"run": "x"})
    assert "segmentation.engines: add at least one engine" in problems(
        {"run": "x", "segmentation": {"channels": ["DNA"], "annotated": ANNOTATED}}
    )
    alone = {"run": "x", "segmentation": {"channels": ["DNA"], "annotated": ANNOTATED, **UNET}}
    assert loading.load(alone).input is None
    splits = {"loco": {"method": "leave-one-compound-out"}}
    assert "splits: there is nothing to classify" in problems({**alone, "splits": splits})


def test_every_shipped_config_is_valid(repository):
    files = sorted((repository / "config").glob("*.yaml"))
    assert len(files) >= 6
    for file in files:
        loading.load(yaml.safe_load(file.read_text()), file.name)


def test_reading_the_config_does_not_import_tensorflow():
    code = "import sys, moascope.config.root; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_configuration_never_changes():
    config = loading.load(MINIMAL)
    with pytest.raises(ValidationError, match="frozen"):
        config.seed = 2
    with pytest.raises(ValidationError, match="frozen"):
        config.quality.focus_z = 1.0


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
    (line,) = problem_lines(raw)
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


def test_a_written_out_configuration_of_set_keys_is_read_again():
    raw = with_model(channel_mapping="inflate", head={"type": "svm", "C": 2})
    loaded = loading.load(raw)
    assert loading.load(loaded.model_dump(mode="json", exclude_unset=True)) == loaded


def test_a_wrong_value_does_not_make_other_keys_idle():
    raw = with_model(channel_mapping="inflate", transfer=3, unfreeze_from="c", views=1)
    (line,) = problem_lines(raw)
    assert line.startswith("models.m.transfer: write 'frozen', 'partial' or 'full'")
    brightfield = {"input": {**SCREEN["input"], "brightfield": "DNA"}}
    quality = {"quality": {"min_sharpness_brightfield": -1}}
    (line,) = problem_lines({**SCREEN, **brightfield, **quality})
    assert line.startswith("input.brightfield: write a list")
