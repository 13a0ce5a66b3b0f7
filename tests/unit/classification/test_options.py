"""Options of models: features, candidates, and the network that they need."""

import pytest
from raw_configs import TEXTURE, model, problem_lines, problems, with_model

from moascope.classification.heads.kinds.gradient_boosting import BoostingOptions
from moascope.classification.heads.kinds.logistic import LogisticOptions
from moascope.classification.heads.kinds.mlp import MlpOptions
from moascope.classification.heads.kinds.svm import SvmOptions
from moascope.classification.options import Model
from moascope.classification.training.options import (
    FineTuning,
    read_network,
)
from moascope.config import loading
from moascope.core.options import restore
from moascope.networks.options import FrozenNetwork

OWN = {
    "feature_layers": ["a"],
    "pooling": "mean+sd",
    "features": ["network"],
    "head": {"type": "svm"},
}


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


def test_a_tuned_network_has_only_the_options_that_it_depends_on():
    model = Model(
        split="s",
        transfer="full",
        weights="none",
        head={"type": "mlp", "hidden": [8], "l2": 0.1},
        training={"epochs": 3},
    )
    tuned = model.fine_tuning()
    assert tuned.head == MlpOptions(hidden=[8], l2=0.1)
    assert tuned.training.epochs == 3
    assert restore(FineTuning, tuned.model_dump(mode="json")) == tuned
    assert read_network(tuned.model_dump(mode="json")) == tuned


def test_a_tuned_network_without_an_mlp_head_has_no_hidden_layers():
    tuned = Model(split="s", transfer="full", weights="none").fine_tuning()
    assert tuned.head == MlpOptions(hidden=[])


def test_a_network_that_is_frozen_is_read_as_such():
    network = Model(split="s", feature_layers=["block2_add"]).network_pass()
    assert network == FrozenNetwork(feature_layers=["block2_add"])
    assert read_network({**network.model_dump(mode="json"), "transfer": "frozen"}) == network


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
        ({"rgb_channels": ["DNA", "DNA", "DNA"]}, {"rgb_channels": "channel_mapping 'inflate'"}),
        (
            {
                **TEXTURE,
                "backbone": "lenet",
                "weights": "none",
                "feature_layers": ["a"],
                "pooling": "mean",
            },
            dict.fromkeys(
                ["backbone", "weights", "channel_mapping", "feature_layers", "pooling"],
                "features [hand-crafted]",
            ),
        ),
        (
            {**TEXTURE, "input_size": 96, "views": 1, "rgb_channels": ["DNA"] * 3},
            dict.fromkeys(
                ["channel_mapping", "rgb_channels", "input_size", "views"],
                "features [hand-crafted]",
            ),
        ),
        (
            {**OWN, "candidates": {"a": OWN, "b": {**OWN, "head": {"type": "lda"}}}},
            dict.fromkeys(
                ["feature_layers", "pooling", "features", "head"],
                "candidates that all have their own",
            ),
        ),
        (
            {"feature_layers": ["a"], "candidates": {"a": {"feature_layers": ["b"]}, "b": TEXTURE}},
            {"feature_layers": "candidates that all have their own"},
        ),
        (
            {"candidates": {"a": {}, "b": {**TEXTURE, "feature_layers": ["x"], "pooling": "mean"}}},
            {
                "candidates.b.feature_layers": "features [hand-crafted]",
                "candidates.b.pooling": "features [hand-crafted]",
            },
        ),
    ],
)
def test_keys_of_a_model_without_effect_are_named(options, idle):
    found = problem_lines(with_model(channel_mapping="inflate", **options))
    expected = [f"models.m: {key} has no effect with {why}; remove it" for key, why in idle.items()]
    assert sorted(line for line in found if "has no effect" in line) == sorted(expected)


def test_all_keys_of_all_models_without_effect_come_at_once():
    raw = with_model(channel_mapping="inflate", unfreeze_from="c", training={"momentum": 0.5})
    raw["splits"]["loco"]["folds"] = 3
    assert problem_lines(raw) == [
        "splits.loco: folds has no effect with method 'leave-one-compound-out'; remove it",
        "models.m.training: momentum has no effect without optimizer; set optimizer to sgd or "
        "rmsprop, or remove momentum",
        "models.m: unfreeze_from has no effect with transfer 'frozen'; remove it",
        "models.m: training has no effect with transfer 'frozen' and head.type 'lda'; remove it",
    ]


@pytest.mark.parametrize(
    "options",
    [
        {
            "channel_mapping": "inflate",
            "views": 1,
            "feature_layers": ["a"],
            "features": ["network"],
        },
        {"rgb_channels": ["DNA", "Actin", "DNA"], "unfreeze_from": None},
        {"channel_mapping": "inflate", "rgb_channels": None, "weights": "none"},
        {"channel_mapping": "inflate", "head": {"type": "mlp"}, "training": {"epochs": 3}},
        {"channel_mapping": "inflate", "transfer": "full", "augment": False, "training": {}},
        {
            "channel_mapping": "inflate",
            "transfer": "partial",
            "unfreeze_from": "c",
            "feature_layers": ["a"],
        },
        {
            "channel_mapping": "inflate",
            "feature_layers": ["a"],
            "candidates": {"a": {}, "b": TEXTURE},
        },
        {
            "channel_mapping": "inflate",
            **TEXTURE,
            "feature_layers": ["a"],
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
