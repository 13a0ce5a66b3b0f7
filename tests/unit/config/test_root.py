import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from moascope.classification import selection
from moascope.classification.heads.kinds.gradient_boosting import BoostingOptions
from moascope.classification.heads.kinds.logistic import LogisticOptions
from moascope.classification.heads.kinds.svm import SvmOptions
from moascope.config import documents, loading
from moascope.core.errors import InputError
from moascope.segmentation import options as segmentation
from moascope.segmentation.engines.registry import METHODS

MINIMAL = {
    "run": "mine",
    "input": {
        "format": "table",
        "sheet": "sheet.csv",
        "channels": {"DNA": "dna", "Actin": "actin"},
    },
}


def problems(raw):
    with pytest.raises(InputError) as caught:
        loading.load(raw, "mine.yaml")
    return str(caught.value)


def test_a_minimal_file_gets_every_default():
    loaded = loading.load(MINIMAL)
    assert loaded.seed == 1
    assert loaded.section("quality")["exclude_flagged"] is True
    assert loaded.models == {}


def test_paths_may_be_given_below_one_folder():
    screen = {
        "run": "x",
        "input": {
            **{"format": "bbbc021", "root": "/data", "sheet": "image.csv", "images": "images"},
            **{"moa_table": "/elsewhere/moa.csv", "channels": {"DNA": "DAPI"}},
        },
    }
    given = loading.load(screen).input
    assert given.sheet == "/data/image.csv"
    assert given.images == "/data/images"
    assert given.moa_table == "/elsewhere/moa.csv"
    assert given.platemap is None
    written = loading.load(screen).model_dump(exclude_unset=True)
    assert loading.load(written).input == given  # joined once
    annotated = {"root": "../sets", "sheet": "index.csv", "set_file": "split.json"}
    engines = {"c": {"method": "classical"}}
    section = {"channels": ["DNA"], "annotated": annotated, "engines": engines}
    read = loading.load({"run": "x", "segmentation": section}).segmentation.annotated
    assert read.sheet == "../sets/index.csv"
    assert read.set_file == "../sets/split.json"
    assert read.images is None


def test_a_folder_of_paths_that_is_no_text_is_refused():
    given = {"format": "table", "root": 5, "sheet": "s.csv", "channels": {"DNA": "DNA"}}
    with pytest.raises(InputError, match=r"input\.root"):
        loading.load({"run": "x", "input": given}, "mine.yaml")


def test_unknown_keys_suggest_the_nearest_one_at_any_depth():
    text = problems({**MINIMAL, "qualty": {}, "normalization": {"steps": [{"metod": "zscore"}]}})
    assert "mine.yaml" in text
    assert "qualty: unknown key 'qualty'; did you mean 'quality'?" in text
    assert "did you mean 'method'?" in text


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"units": {"size": 3}}, "units.size: write a number of at least 16; got 3"),
        ({"seed": "many"}, "seed: "),
        ({"compute": {"gpu": "maybe"}},
         "compute.gpu: write 'auto', 'required' or 'never'; got 'maybe'"),
        ({"run": "a/b"}, "run: 'a/b' is no name for results; use letters, digits, _ and -"),
        ({"run": 2024}, "run: write text: '2024'; got 2024"),
        ({"input": {**MINIMAL["input"], "channels": {"Hoechst 33342": "x"}}},
         "input.channels.Hoechst 33342: 'Hoechst 33342' is no name for results; use letters"),
        ({"input": {**MINIMAL["input"], "channels": ["DNA"]}},
         "input.channels: write keys with values, as in {key: value}; got ['DNA']"),
        ({"input": {**MINIMAL["input"], "controls": "DMSO"}},
         "input.controls: write a list, as in [a, b]; got 'DMSO'"),
        ({"quality": {"focus_z": float("inf")}},
         "quality.focus_z: write a number that is not infinite; got inf"),
        ({"input": {**MINIMAL["input"], "brightfield": ["DNB"]}},
         "input: brightfield: unknown channel 'DNB'; did you mean 'DNA'?"),
        ({"models": {"m": {"split": "s", "backbone": "efficientnet-lte0"}}},
         "models.m: backbone: there is no 'efficientnet-lte0'. Did you mean efficientnet-lite0"),
        ({"models": {"m": {"split": "loco", "channel_mapping": "inflate",
                           "head": {"type": "lda", "calibrate": True}}},
          "splits": {"loco": {"method": "leave-one-compound-out"}}},
         "models.m.head.calibrate: there are no validation units to fit the temperature to; set "
         "splits.loco.validation, for example to 0.2"),
        ({"models": {"m": {"split": "lco"}}, "splits": {"loco": {"method": "fixed", "file": "x"}}},
         "models.m.split: unknown split 'lco'; did you mean 'loco'?"),
        ({"augmentation": [{"name": "flipp"}]}, "did you mean 'flip'?"),
        ({"splits": {"s": {"method": "fixed"}}}, "also needs file"),
        ({"normalization": {"steps": [{"method": "zscore", "scope": "plate"}]}},
         "takes statistics from treated wells"),
    ],
)  # fmt: skip
def test_wrong_values_name_the_key_the_value_and_the_range(change, expected):
    assert expected in problems({**MINIMAL, **change})


def test_every_problem_has_a_line_of_its_own():
    text = problems(
        {
            **MINIMAL,
            "splits": {"loco": {"method": "leave-one-compound-out"}},
            "models": {
                "a": {"split": "lco"},
                "b": {"split": "loco", "rgb_channels": ["X", "Y", "Z"]},
            },
        }
    )
    assert "5 problems" in text
    assert text.count("\n  - models.") == 5


def model(**options):
    splits = {"loco": {"method": "leave-one-compound-out"}}
    options = {"split": "loco", "channel_mapping": "inflate", **options}
    return {**MINIMAL, "splits": splits, "models": {"m": options}}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"features": ["network", "network"]}, "models.m: features names 'network' twice"),
        ({"features": []}, "models.m.features: write a list with at least 1 entry; got []"),
        ({"features": ["texture"]},
         "models.m.features.0: write 'network' or 'hand-crafted'; got 'texture'"),
        ({"transfer": "full", "features": ["hand-crafted"]},
         "models.m: features has no effect with transfer 'full'; remove it"),
        ({"transfer": "full", "candidates": {"a": {}, "b": {"pooling": "mean+sd"}}},
         "models.m: candidates has no effect with transfer 'full'; remove it"),
        ({"candidates": {"a": {}}}, "models.m: candidates: there is only one; add another"),
        ({"candidates": {"a": {}, "b": {"feature_layers": []}}},
         "candidates.b is the same as a; remove one"),
        ({"candidates": {"a": {}, "b": {"head": {"type": "mlp"}}}},
         "candidates.b.head: type 'mlp' cannot be chosen; use lda, logistic, svm or "
         "gradient-boosting"),
        ({"candidates": {"a": {}, "b": {"feature_layer": []}}},
         "models.m.candidates.b.feature_layer: unknown key 'feature_layer'; did you mean "
         "'feature_layers'?"),
        ({"candidates": {"a": {}, "b": {"head": {"calibrate": True}}}},
         "models.m.head.calibrate: there are no validation units"),
    ],
)  # fmt: skip
def test_features_and_candidates_that_cannot_be_are_refused(options, message):
    assert message in problems(model(**options))


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ({"C": 2.0}, "models.m.head: type 'lda' has no C. Fix: remove C, or set type to logistic "
                     "or svm"),
        ({"type": "svm", "shrinkage": "auto"}, "type 'svm' has no shrinkage. Fix: remove "
                                               "shrinkage, or set type to lda"),
        ({"type": "logistic", "gamma": 1.0}, "type 'logistic' has no gamma. Fix: remove gamma, or "
                                             "set type to svm"),
        ({"type": "mlp", "balanced": True}, "type 'mlp' has no balanced. Fix: remove balanced, or "
                                            "set type to lda or logistic or svm or gradient-"),
        ({"type": "lda", "max_depth": 2}, "type 'lda' has no max_depth"),
        ({"type": "svm", "gamma": "wide"}, "models.m.head.gamma"),
        ({"type": "gradient-boosting", "max_depth": 9}, "models.m.head.max_depth"),
        ({"type": "svm", "calibrate": "always"}, "models.m.head.calibrate"),
    ],
)  # fmt: skip
def test_options_of_another_type_of_head_are_refused(head, message):
    assert message in problems(model(head=head))


def test_all_options_that_a_head_lacks_are_named_at_once():
    text = problems(model(head={"type": "mlp", "C": 1.0, "shrinkage": 0.5}))
    assert "has no C" in text
    assert "has no shrinkage" in text


def test_every_type_of_head_may_be_chosen_but_a_perceptron():
    candidates = {
        "kernel": {"head": {"type": "svm", "C": 10, "gamma": 0.01}},
        "trees": {"head": {"type": "gradient-boosting", "n_estimators": 50}},
        "linear": {},
    }
    choices = loading.load(model(candidates=candidates)).models["m"].choices()
    assert choices["kernel"].head == SvmOptions(C=10.0, gamma=0.01)
    assert choices["trees"].head == BoostingOptions(n_estimators=50)
    assert "C" not in choices["trees"].model_dump()["head"]


def test_all_that_is_wrong_with_candidates_is_named_with_its_model():
    text = problems(
        model(features=["network", "network"], candidates={"a": {"head": {"type": "mlp"}}})
    )
    assert text.count("\n  - models.m: ") == 3


def test_candidates_change_some_options_of_their_model():
    candidates = {
        "early": {"feature_layers": ["block2_add"]},
        "both": {"features": ["hand-crafted", "network"], "pooling": "mean+sd"},
        "texture": {"features": ["hand-crafted"], "head": {"type": "logistic", "C": 2.0}},
    }
    loaded = loading.load(model(feature_layers=["block10_add"], candidates=candidates)).models["m"]
    choices = loaded.choices()
    assert list(choices) == ["early", "both", "texture"]
    assert [choice.feature_layers for choice in choices.values()] == [
        ["block2_add"],
        ["block10_add"],
        [],
    ]
    assert choices["both"].features == ["network", "hand-crafted"]
    assert choices["early"].head.type == "lda"
    assert choices["texture"].head == LogisticOptions(C=2.0)
    assert loaded.network_pass().feature_layers == ["block2_add", "block10_add"]
    assert loaded.network_pass().pooling == "mean+sd"
    assert loaded.uses_hand_crafted()


def test_choices_go_through_the_parameters_of_a_rule():
    candidates = {"texture": {"features": ["hand-crafted"]}, "kernel": {"head": {"type": "svm"}}}
    choices = loading.load(model(candidates=candidates)).models["m"].choices()
    params = {name: choice.model_dump(mode="json") for name, choice in choices.items()}
    assert params["kernel"]["head"]["gamma"] == "scale"
    assert selection.read_choices(json.loads(json.dumps(params))) == choices


def test_without_features_of_the_network_there_is_no_pass_through_it():
    raw = model(features=["hand-crafted"])
    del raw["models"]["m"]["channel_mapping"]
    loaded = loading.load(raw).models["m"]
    assert loaded.network_pass() is None
    assert list(loaded.choices()) == [""]


def test_the_last_layer_has_an_empty_name_where_others_are_read_too():
    candidates = {"last": {}, "early": {"feature_layers": ["block2_add"]}}
    loaded = loading.load(model(candidates=candidates)).models["m"]
    assert loaded.network_pass().feature_layers == ["", "block2_add"]
    assert loading.load(model()).models["m"].network_pass().feature_layers == []


def test_units_of_a_fixed_list_may_calibrate(tmp_path):
    head = {"type": "lda", "calibrate": True}
    model = {"split": "f", "channel_mapping": "inflate", "head": head}
    splits = {"f": {"method": "fixed", "file": "folds.csv"}}
    assert loading.load({**MINIMAL, "splits": splits, "models": {"m": model}}).models["m"]


def test_files_of_a_screen_that_is_simulated_are_not_looked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {**MINIMAL["input"], "format": "simulate", "sheet": None, "platemap": "x" * 5000}
    assert loading.missing_files(loading.load({"run": "x", "input": given})) == []
    loaded = loading.load({"run": "x", "input": {**given, "format": "table", "sheet": "."}})
    assert len(loading.missing_files(loaded)) == 2


def test_files_that_are_not_there_are_named_with_their_key(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("there.csv").touch()
    loaded = loading.load(
        {
            "run": "x",
            "input": {**MINIMAL["input"], "sheet": "there.csv", "platemap": "map.csv"},
            "splits": {"f": {"method": "fixed", "file": "folds.csv"}},
            "models": {"m": {"split": "f", "weights": "imagnet", "channel_mapping": "inflate"}},
            "segmentation": {
                "engines": {
                    "u": {"method": "unet", "model": "u"},
                    "pose": {"method": "cellpose", "model": "cpsam"},
                    "mine": {"method": "cellpose", "model": "models/mine"},
                    "star": {"method": "stardist", "model": "2D_versatile_fluo"},
                }
            },
        }
    )
    assert loading.missing_files(loaded) == [
        "input.platemap: there is no file 'map.csv'; correct the path",
        "splits.f.file: there is no file 'folds.csv'; correct the path",
        "models.m.weights: there is no file 'imagnet'; correct the path, or write imagenet or none",
        "segmentation.engines.u.model: there is no file 'u'; correct the path",
        "segmentation.engines.mine.model: there is no file 'models/mine'; correct the path",
    ]


def test_two_channels_cannot_be_mapped_to_rgb():
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


def test_text_from_the_command_line_becomes_numbers_and_nulls():
    loaded = loading.load(
        {**MINIMAL, "units": {"size": "128"}, "input": {**MINIMAL["input"], "images": "null"}}
    )
    assert loaded.units.size == 128
    assert loaded.input.images is None


UNET = {"engines": {"unet": {"method": "unet"}}}


def star(**options):
    return {"segmentation": {"engines": {"star": {"method": "stardist", **options}}}}


ANNOTATED = {"sheet": "s.csv", "image": "{id}.png", "mask": "{id}_mask.png"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"segmentation": UNET}, "segmentation.engines.unet: there are no reference masks"),
        (
            {"segmentation": {"engines": {"c": {"method": "classical"}}, "channels": ["DMA"]}},
            "segmentation.channels: unknown channel 'DMA'; did you mean 'DNA'?",
        ),
        (
            {"segmentation": {"engines": {"c": {"method": "classical"}}, "measure_with": "unet"}},
            "measure_with: there is no engine 'unet'; known: c",
        ),
        ({"segmentation": {"annotated": ANNOTATED}}, "channels must name the channels of the"),
        (
            {"segmentation": {"labelled_plates": True}},
            "segmentation.labelled_plates: there is no screen with an engine; remove it",
        ),
        ({"units": {"cells": {"crop": 32}}}, "units.cells: there is no engine for cells"),
        ({"units": {"cells": {}, "tiles": [2, 2]}}, "cells and tiles exclude each other"),
        (
            {"segmentation": {"engines": {"u": {"method": "unet", "tile": 128, "overlap": 96}}}},
            "overlap (96) must be at most half of tile (128)",
        ),
        (
            {
                "segmentation": {
                    "engines": {"u": {"method": "unet", "training": {"patch_size": 100}}}
                }
            },
            "training.patch_size (100) must be a multiple of 16 px, which a network of depth 4 and",
        ),
        (
            {"segmentation": {"engines": {"u": {"method": "unet", "network": {"depth": 6}}}}},
            "network.depth (6) must be at most 5 with a pretrained encoder",
        ),
        (
            {"segmentation": {"engines": {"c": {"method": "classical", "model": "c.json"}}}},
            "segmentation.engines.c: model is for method unet or stardist or cellpose, not class",
        ),
        (
            {"segmentation": {"engines": {"c": {"method": "classical", "export": True}}}},
            "segmentation.engines.c: export is for method unet, not classical",
        ),
        (
            {"segmentation": {"engines": {"c": {"method": "classical", "ensemble": 2}}}},
            "segmentation.engines.c: ensemble is for method unet, not classical; remove it",
        ),
        (
            {
                "segmentation": {
                    "engines": {"u": {"method": "unet", "model": "u.keras", "ensemble": 2}}
                }
            },
            "segmentation.engines.u: ensemble has no effect with a given model (u.keras); remove",
        ),
        (
            {
                "segmentation": {
                    "engines": {"u": {"method": "unet", "model": "u.keras", "export": True}}
                }
            },
            "segmentation.engines.u.export: there is no annotated image to test the package; set",
        ),
        (
            {"segmentation": {"engines": {"star": {"method": "stardist"}}}},
            "segmentation.engines.star: there are no reference masks for training",
        ),
        (
            star(training={"loss": "dice", "steps": 9}),
            "training.loss: unknown to method 'stardist', which has its own network and loss",
        ),
        (
            star(training={"patch_size": 72}),
            "training.patch_size (72) must be a multiple of 16 px, which a grid of 2 needs",
        ),
        (
            {
                "input": {**MINIMAL["input"], "channels": dict.fromkeys("abcd", "x")},
                "segmentation": {"engines": {"pose": {"method": "cellpose"}}},
            },
            "segmentation.engines.pose: method cellpose sees at most 3 channels, not the 4 given "
            "(a, b, c, d); name up to 3 of them under segmentation.channels",
        ),
        (star(grid=3), "grid (3) must be 1, 2, 4 or 8 px"),
        (star(min_area=50, max_area=20), "min_area (50) must not exceed max_area (20)"),
    ],
)
def test_a_segmentation_that_cannot_be_is_refused(changes, message):
    assert message in problems({**MINIMAL, **changes})


def engine_problems(**engine):
    return problems({**MINIMAL, "segmentation": {"engines": {"e": engine}}})


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        (
            {"method": "unet", "smoothing": 0.1},
            "smoothing is for method classical, not unet",
        ),
        (
            {"method": "classical", "test_time_augmentation": True},
            "test_time_augmentation is for method unet, not classical; remove it",
        ),
        ({"method": "stardist", "network": {}}, "network is for method unet, not stardist"),
        (
            {"method": "cellpose", "training": {}},
            "training is for method unet or stardist, not cell",
        ),
        (
            {"method": "unet", "prob_threshold": 0.4},
            "prob_threshold is for method stardist, not unet",
        ),
        (
            {"method": "stardist", "model": "m", "training": {"steps": 9}},
            "training has no effect with a given model (m); remove one of them",
        ),
        (
            {"method": "stardist", "model": "m", "n_rays": 32},
            "n_rays has no effect with a given model (m); remove one",
        ),
        (
            {"method": "unet", "model": "u.keras", "network": {"depth": 3}},
            "network has no effect with a given model (u.keras); remove one",
        ),
        ({"method": "classical", "polarity": "grey"}, "polarity"),
        ({"method": "classical", "min_distance": 0}, "min_distance"),
    ],
)
def test_a_key_that_an_engine_does_not_use_is_refused(engine, message):
    assert message in engine_problems(**engine)


def test_all_keys_that_an_engine_does_not_use_are_named_at_once():
    found = engine_problems(
        method="classical", test_time_augmentation=False, n_rays=32, nms_threshold=0.4
    )
    for key in ("test_time_augmentation", "n_rays", "nms_threshold"):
        assert f"{key} is for method" in found


def test_every_key_of_an_engine_is_of_a_method():
    keys = set(segmentation.Engine.model_fields)
    assert keys == {"method"} | {key for each in METHODS for key in each.options.model_fields}


def test_keys_that_methods_name_are_their_own():
    for method in METHODS:
        named = {*method.finding_keys, *method.learning_keys, *method.keys_of_model}
        assert named <= set(method.options.model_fields), method.name


def test_the_size_of_objects_cannot_be_measured_with_every_method():
    found = engine_problems(method="cellpose", diameter="auto")
    assert "segmentation.engines.e: diameter: auto is not possible with method cellpose" in found


@pytest.mark.parametrize(
    "engine",
    [
        {"method": "classical", "diameter": 30, "polarity": "dark", "threshold": "local"},
        {"method": "classical", "threshold_correction": 0.7, "smoothing": 0.1, "min_distance": 0.5},
        {"method": "cellpose", "flow_threshold": 0.6, "cellprob_threshold": -1.0, "min_area": 9},
    ],
)
def test_engines_take_the_parameters_of_their_method(engine):
    section = {"engines": {"e": engine}}
    read = loading.load({**MINIMAL, "segmentation": section}).segmentation.engines["e"]
    assert {key: getattr(read, key) for key in engine} == engine


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"doses": 5, "controls_per_plate": 18}, "simulate: 108 wells do not fit on a plate of 96"),
        (
            {"mechanisms": 1, "compounds": 1, "doses": 1, "controls_per_plate": 1},
            "simulate: bad_wells_per_plate (3) must not exceed the 2 wells in use",
        ),
        ({"plates": 2, "batches": 3}, "simulate: batches (3) must not exceed plates (2)"),
        ({"doses": 0}, "simulate.doses: write a number of at least 1; got 0"),
        ({"plate": 4}, "simulate.plate: unknown key 'plate'; did you mean 'plates'?"),
    ],
)
def test_a_screen_that_cannot_be_simulated_is_refused(section, message):
    assert message in problems({**MINIMAL, "simulate": section})


def test_without_a_screen_there_must_be_annotated_images():
    assert "input: this key is required (or segmentation.annotated)" in problems({"run": "x"})
    assert "segmentation.engines: add at least one engine" in problems(
        {"run": "x", "segmentation": {"channels": ["DNA"], "annotated": ANNOTATED}}
    )
    alone = {"run": "x", "segmentation": {"channels": ["DNA"], "annotated": ANNOTATED, **UNET}}
    assert loading.load(alone).input is None
    splits = {"loco": {"method": "leave-one-compound-out"}}
    assert "splits: there is nothing to classify" in problems({**alone, "splits": splits})


def test_networks_without_a_model_are_trained():
    engines = {
        "trained": {"method": "stardist", "n_rays": 64, "training": {"steps": 10}},
        "given": {"method": "stardist", "model": "2D_versatile_fluo"},
        "cellpose": {"method": "cellpose"},
    }
    section = {"channels": ["DNA"], "annotated": ANNOTATED, "engines": engines}
    loaded = loading.load({"run": "x", "segmentation": section}).segmentation.engines
    assert [name for name, engine in loaded.items() if engine.is_trained()] == ["trained"]


def test_schema_and_key_tables_are_up_to_date(repository):
    schema = json.loads((repository / "workflow/schemas/config.schema.json").read_text())
    assert schema == json.loads(json.dumps(documents.json_schema()))
    readme = (repository / "docs/reference/configuration.md").read_text()
    assert documents.key_tables() in readme, "run: uv run python -m moascope.config"


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
