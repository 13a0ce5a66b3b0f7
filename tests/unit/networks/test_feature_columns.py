"""Columns of a shared table of features are found again for each choice of features."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from moascope.core.errors import InputError
from moascope.networks import feature_columns
from moascope.networks.feature_columns import Block, FeatureChoice, columns_of
from moascope.networks.registry import ChannelMapping

# Two channel passes; the last layer has no positions, so that it has no standard deviation.
ONE_PASS = [("stem", "mean", 2), ("stem", "sd", 2), ("", "mean", 3)]
BLOCKS = [Block(number, *block) for number in (0, 1) for block in ONE_PASS]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (FeatureChoice(("network",), ("stem",)), [0, 1, 7, 8]),
        (FeatureChoice(("network",), ("stem",), "mean+sd"), [0, 1, 2, 3, 7, 8, 9, 10]),
        (FeatureChoice(("network",), (), "mean+sd"), [4, 5, 6, 11, 12, 13]),
        (FeatureChoice(("network",), ("", "stem")), [4, 5, 6, 0, 1, 11, 12, 13, 7, 8]),
        (FeatureChoice(("hand-crafted",)), [14, 15]),
        (FeatureChoice(("network", "hand-crafted"), ("stem",)), [0, 1, 7, 8, 14, 15]),
    ],
)
def test_columns_are_found_by_pass_layer_and_statistic(choice, expected):
    assert list(columns_of(choice, BLOCKS, 16)) == expected


def test_hand_crafted_features_alone_are_the_whole_table():
    assert list(columns_of(FeatureChoice(("hand-crafted",)), [], 3)) == [0, 1, 2]


@pytest.mark.parametrize(
    "choice", [FeatureChoice(("network",), ("block9",)), FeatureChoice(("hand-crafted",))]
)
def test_a_table_that_lacks_features_is_an_error(choice):
    with pytest.raises(InputError, match="Delete it and run again"):
        columns_of(choice, BLOCKS, 14)


def test_blocks_are_read_as_they_were_written(tmp_path):
    file = tmp_path / "columns.json"
    file.write_text(json.dumps([asdict(block) for block in BLOCKS]))
    assert feature_columns.read_blocks(file) == BLOCKS
    assert feature_columns.read_blocks(None) == []


@pytest.mark.parametrize("mapping", ["rgb", "per-channel"])
def test_a_shared_pass_gives_every_choice_the_features_of_its_own_network(mapping):
    from moascope.networks import backbones

    channels = ["a", "b", "c"]
    images = np.random.default_rng(0).random((2, 32, 32, 3), dtype="float32")

    def build(feature_layers, pooling):
        return backbones.build(
            "efficientnet-lite0",
            "imagenet",
            None,
            channels,
            ChannelMapping(mapping),
            feature_layers,
            pooling=pooling,
        )

    feature_layers = ["block2_add", "", "block0_depthwise_conv"]
    shared = build(feature_layers, "mean+sd")
    blocks = backbones.list_blocks(shared, feature_layers, "mean+sd")
    table = shared.predict_on_batch(images)
    assert sum(block.size for block in blocks) == table.shape[1]
    for chosen, pooling in [
        ([], "mean"),
        (feature_layers[::2], "mean+sd"),
        (feature_layers[2:], "mean"),
    ]:
        own = build(chosen, pooling).predict_on_batch(images)
        columns = columns_of(FeatureChoice(("network",), tuple(chosen), pooling), blocks, 10**6)
        np.testing.assert_allclose(table[:, columns], own, rtol=1e-4, atol=1e-4)
