import pandas as pd
import pytest
from rule_inputs import build, wildcards

from moascope.core.errors import InputError
from moascope.pipeline.inputs.classification import ModelInputs
from moascope.segmentation.engines import optional_packages

SPLITS = {
    "loco": {"method": "leave-one-compound-out"},
    "lobo": {"method": "leave-one-batch-out"},
}
MODELS = {
    "lda": {"split": "loco", "feature_layers": ["block4_add"]},
    "svm": {"split": "loco", "feature_layers": ["block4_add"], "head": {"type": "svm"}},
    "mlp": {"split": "lobo", "head": {"type": "mlp"}},
    "hand": {"split": "loco", "features": ["hand-crafted"]},
    "both": {"split": "loco", "features": ["network", "hand-crafted"]},
    "nested": {
        "split": "loco",
        "candidates": {"a": {"head": {"type": "lda"}}, "b": {"features": ["hand-crafted"]}},
    },
    "random": {"split": "lobo", "weights": "none"},
    "full": {"split": "loco", "transfer": "full", "augment": False, "head": {"type": "mlp"}},
}
CELLS = {"engines": {"given": {"method": "stardist", "model": "2D_versatile_fluo"}}}


@pytest.fixture
def inputs():
    return build(ModelInputs, splits=SPLITS, models=MODELS, augmentation=[{"name": "flip"}])


def of(name):
    return wildcards(model=name)


def test_every_model_is_fitted_by_one_rule(inputs):
    assert inputs.tuned == ["full"]
    assert inputs.nested == ["nested"]
    assert inputs.keras_heads == ["mlp"]
    assert inputs.plain_heads == ["lda", "svm", "hand", "both", "random"]
    kinds = [*inputs.tuned, *inputs.nested, *inputs.keras_heads, *inputs.plain_heads]
    assert sorted(kinds) == sorted(MODELS)


def test_linear_heads_get_a_refitted_null(inputs):
    assert inputs.linear == ["lda", "hand", "both", "random"]
    assert inputs.null_of(of("lda")) == {"null": "results/small/null/lda.parquet"}
    assert inputs.null_of(of("svm")) == {}


def test_models_with_equal_passes_share_one(inputs):
    assert inputs.pass_of["svm"] == "lda"
    assert "hand" not in inputs.pass_of
    assert "full" not in inputs.pass_of
    assert "svm" not in inputs.passes
    assert inputs.features_of(of("svm")) == "results/small/features/lda.npy"
    find_columns = inputs.of_pass("{model}.columns")
    assert find_columns(of("svm")) == "lda.columns"
    assert find_columns(of("hand")) == []


def test_an_architecture_reaches_the_jobs_of_its_model_alone():
    scratch = {"split": "loco", "backbone": "mlp", "weights": "none"}
    network = {**scratch, "architecture": {"hidden": [7]}}
    models = {"frozen": network, "tuned": {**network, "transfer": "full"}, "other": scratch}

    def plain(models):
        found = build(ModelInputs, splits=SPLITS, models=models)
        return {
            "frozen": [
                found.feature_options(of("frozen")),
                found.network_of_final_model(of("frozen")),
            ],
            "tuned": [found.tuning_options(of("tuned"))],
            "other": [
                found.feature_options(of("other")),
                found.network_of_final_model(of("other")),
            ],
        }

    before = plain(models)
    changed = {**network, "architecture": {"hidden": [8]}}
    for name in ("frozen", "tuned"):
        after = plain({**models, name: {**models[name], **changed}})
        assert {key for key in before if after[key] != before[key]} == {name}
    assert all(each["architecture"] == {"hidden": [7]} for each in before["tuned"])
    assert before["frozen"][1]["architecture"] == {"hidden": [7]}
    assert before["other"][0]["architecture"] == {}


def test_hand_crafted_features_are_joined(inputs):
    assert inputs.joined == ["hand", "both", "nested"]
    assert inputs.features_of(of("both")) == "results/small/features/both.joined.npy"


def test_a_model_is_compared_with_earlier_models_of_its_split(inputs):
    assert inputs.others(of("both")) == ["lda", "svm", "hand"]
    assert inputs.others(of("mlp")) == []
    assert inputs.predictions_of_others(of("svm")) == ["results/small/predictions/lda.parquet"]


def test_training_options_belong_to_heads_that_are_networks(inputs):
    assert inputs.head_options(of("lda"))["type"] == "lda"
    assert inputs.head_training(of("lda")) is None
    assert "epochs" in inputs.head_training(of("mlp"))


def test_hand_crafted_features_alone_need_no_network(inputs):
    assert inputs.network_of_final_model(of("hand")) is None
    assert "feature_layers" not in inputs.network_of_final_model(of("lda"))


def test_candidates_are_plain_values(inputs):
    assert set(inputs.choices_of(of("nested"))) == {"a", "b"}
    assert set(inputs.choices_of(of("lda"))) == {""}
    assert inputs.choices_of(of("lda"))[""]["head"]["type"] == "lda"
    assert inputs.selection_of(of("lda")) == {}
    assert inputs.selection_of(of("nested")) == {
        "selection": "results/small/predictions/nested.selection.parquet"
    }


def test_the_network_is_checked_without_what_it_does_not_depend_on(inputs):
    options = inputs.all_network_options()
    assert set(options) == {"lda", "svm", "mlp", "both", "nested", "random", "full"}
    assert options["lda"]["transfer"] == "frozen"
    assert not {"split", "training", "augment"} & set(options["full"])


def test_trained_networks_are_augmented_where_they_say_so(inputs):
    assert inputs.augmentation()[0]["name"] == "flip"
    assert inputs.augmentation_of(of("full")) == []
    assert inputs.augmentation_of(of("lda")) == inputs.augmentation()
    assert "training" in inputs.tuning_options(of("full"))
    assert "split" not in inputs.tuning_options(of("full"))


def test_an_edited_augmentation_is_a_change_of_trained_networks_alone(inputs):
    models = {**MODELS, "full": {**MODELS["full"], "augment": True}}
    changed = {"name": "flip", "probability": 0.5}

    def parameters(entry):
        made = build(ModelInputs, splits=SPLITS, models=models, augmentation=[entry])
        return made.augmentation_of(of("full")), [
            made.feature_options(of(name)) for name in ("lda", "svm", "mlp", "both", "random")
        ]

    before, after = parameters({"name": "flip"}), parameters(changed)
    assert before[0] != after[0] == [changed]
    assert before[1] == after[1]


def test_random_weights_have_a_seed(inputs):
    assert inputs.seed_of_weights(of("random")) == inputs.config.seed
    assert inputs.seed_of_weights(of("lda")) is None


def test_weights_of_the_user_are_an_input(tmp_path):
    models = {"own": {"split": "loco", "weights": "own.keras"}, "lda": MODELS["lda"]}
    inputs = build(ModelInputs, splits=SPLITS, models=models)
    assert inputs.weights == {"own": "own.keras"}
    assert inputs.weights_of(of("own")) == {"weights": "own.keras"}
    assert inputs.weights_of(of("lda")) == {}


def test_a_model_uses_the_files_and_options_of_its_split(inputs):
    assert inputs.of_split("{split}.audit")(of("mlp")) == "lobo.audit"
    assert inputs.split_name(of("mlp")) == "lobo"
    assert inputs.split_of_model(of("mlp"))["method"] == "leave-one-batch-out"
    assert inputs.held_out_by_model(of("mlp")) == ["batch"]
    assert inputs.exchanged(of("mlp")) == ["compound"]


def test_checkpoints_keep_the_fold_open(inputs):
    assert inputs.checkpoints_of_folds(of("mlp")) == "results/small/checkpoints/mlp/{fold}.npz"


def test_the_shape_of_units_of_a_simulation_is_known_before_the_run(inputs):
    assert inputs.image_shape() == [inputs.config.simulate.image_size] * 2
    assert not inputs.needs_target_size()
    cells = build(ModelInputs, units={"cells": {"crop": 48}}, segmentation=CELLS)
    assert cells.image_shape() == [48, 48]


@pytest.mark.parametrize(("rule", "needs_target"), [("error", False), ("resize", True)])
def test_resized_images_have_a_size_that_is_known_during_the_run(rule, needs_target):
    section = {"format": "table", "sheet": "a.csv", "channels": {"DNA": "DNA"}}
    inputs = build(ModelInputs, input={**section, "on_size_mismatch": rule})
    assert inputs.image_shape() is None
    assert inputs.needs_target_size() == needs_target


def test_cells_are_counted_where_they_are_found(inputs):
    assert "cell-count" not in inputs.baseline_names()
    assert inputs.cell_counts() == {}
    cells = build(ModelInputs, splits=SPLITS, models=MODELS, segmentation=CELLS)
    assert "cell-count" in cells.baseline_names()
    assert cells.cell_counts() == {"counts": "results/small/cell_counts.parquet"}


def test_a_baseline_is_left_without_cells():
    inputs = build(ModelInputs, evaluation={"baselines": ["cell-count"]})
    assert inputs.baseline_names() == ["majority"]


def test_a_package_that_logs_need_is_named_before_the_run(monkeypatch):
    tuned = {"full": {**MODELS["full"], "training": {"tensorboard": True}}}
    inputs = build(ModelInputs, splits=SPLITS, models=tuned)
    monkeypatch.setattr(optional_packages, "missing", list)
    with pytest.raises(InputError, match=r"full\.training\.tensorboard: the package"):
        inputs.check_packages()
    monkeypatch.setattr(optional_packages, "missing", lambda names: [])
    inputs.check_packages()
    assert inputs.tensorboard_of_folds(of("full")) == "logs/small/tensorboard/full/{fold}"


def test_there_is_one_file_per_fold(inputs, tmp_path):
    table = tmp_path / "split.parquet"
    rows = [(repeat, fold) for repeat in range(2) for fold in range(3) for _ in range(4)]
    pd.DataFrame(rows, columns=["repeat", "fold"]).to_parquet(table)
    files = inputs.files_of_folds("{model}/{fold}", "full", str(table))
    assert files == [f"full/{fold}" for fold in range(6)]


def test_a_damaged_split_is_named(inputs, tmp_path):
    table = tmp_path / "split.parquet"
    table.write_text("damaged")
    with pytest.raises(InputError, match=r"split\.parquet"):
        inputs.files_of_folds("{model}/{fold}", "full", str(table))


def test_the_embedding_has_a_table_of_its_rows(inputs):
    assert inputs.embedding_of("full")[1] == "results/small/predictions/full.parquet"
    assert inputs.embedding_of("both")[1] == "results/small/units.parquet"
    assert inputs.embedding_of("svm") == (
        "results/small/features/lda.npy",
        "results/small/features/lda.parquet",
    )


def test_every_network_has_a_note_of_its_device(inputs):
    features = [f"results/small/features/{name}.device.json" for name in inputs.passes]
    heads = [f"results/small/predictions/{name}.device.json" for name in ("mlp", "full")]
    assert inputs.devices() == [*features, *heads]
    assert inputs.curves() == ["mlp", "full"]


def test_an_ensemble_is_tested_on_the_split_of_its_members_and_compared_with_them():
    ensembles = {"pair": {"members": ["svm", "lda"], "combine": "vote"}}
    inputs = build(
        ModelInputs,
        splits=SPLITS,
        models=MODELS,
        augmentation=[{"name": "flip"}],
        ensembles=ensembles,
    )
    assert inputs.split_name(of("pair")) == "loco"
    assert inputs.others(of("pair")) == ["svm", "lda"]
    members = [f"results/small/predictions/{name}.parquet" for name in ("svm", "lda")]
    assert inputs.predictions_of_members(of("pair")) == members
    assert inputs.ensemble_options(of("pair")) == ensembles["pair"]
    assert inputs.null_of(of("pair")) == {}


def test_networks_are_explained_only_where_the_configuration_says_so(inputs):
    assert inputs.explained == []
    explain = {"models": ["full", "lda"], "methods": ["occlusion"], "occlusion_side": 0.1}
    asked = build(ModelInputs, splits=SPLITS, models=MODELS, explain=explain)
    assert asked.explained == ["lda", "full"]
    assert asked.explanation_methods(of("full")) == ["occlusion"]
    options = asked.explanation_options(of("full"))
    assert options["occlusion_side"] == 0.1
    assert not {"models", "methods"} & set(options)
    every = build(ModelInputs, splits=SPLITS, models=MODELS, explain={})
    assert every.explained == [name for name in MODELS if name != "hand"]
    usual = ["occlusion", "channel-ablation", "robustness"]
    assert every.explanation_methods(of("both")) == usual
    assert every.explanation_methods(of("nested")) == usual
    assert every.explanation_methods(of("lda")) == ["class-activation", "grad-cam", *usual]
