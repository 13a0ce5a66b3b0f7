"""Options of the section segmentation."""

import pytest
from raw_configs import MINIMAL, engine_problems, problems

from moascope.config import loading
from moascope.segmentation import options as segmentation
from moascope.segmentation.engines.registry import METHODS

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
            "segmentation.labelled_plates: there is no screen whose cells an engine finds",
        ),
        ({"units": {"cells": {"crop": 32}}}, "units.cells: there is no engine that finds cells"),
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
            "segmentation.engines.c: ensemble is for method unet, not classical; leave it out",
        ),
        (
            {
                "segmentation": {
                    "engines": {"u": {"method": "unet", "model": "u.keras", "ensemble": 2}}
                }
            },
            "segmentation.engines.u: ensemble has no effect with a given model (u.keras), used",
        ),
        (
            {
                "segmentation": {
                    "engines": {"u": {"method": "unet", "model": "u.keras", "export": True}}
                }
            },
            "segmentation.engines.u.export: there is no annotated image to test the package with",
        ),
        (
            {"segmentation": {"engines": {"star": {"method": "stardist"}}}},
            "segmentation.engines.star: there are no reference masks to learn",
        ),
        (
            star(training={"loss": "dice", "steps": 9}),
            "training.loss: unknown to method 'stardist', whose network and loss are its own",
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


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        (
            {"method": "unet", "smoothing": 0.1},
            "smoothing is for method classical, not unet",
        ),
        (
            {"method": "classical", "test_time_augmentation": True},
            "test_time_augmentation is for method unet, not classical; leave it",
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
            "training has no effect with a given model (m), used as it is; leave one of them out",
        ),
        (
            {"method": "stardist", "model": "m", "n_rays": 32},
            "n_rays has no effect with a given model (m), used as it is",
        ),
        (
            {"method": "unet", "model": "u.keras", "network": {"depth": 3}},
            "network has no effect with a given model (u.keras), used as it is",
        ),
        ({"method": "classical", "polarity": "grey"}, "polarity"),
        ({"method": "classical", "separation": 0}, "separation"),
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


def test_the_size_of_objects_cannot_be_measured_with_every_method():
    found = engine_problems(method="cellpose", diameter="auto")
    assert "segmentation.engines.e: diameter: auto is not possible with method cellpose" in found


@pytest.mark.parametrize(
    "engine",
    [
        {"method": "classical", "diameter": 30, "polarity": "dark", "threshold": "local"},
        {"method": "classical", "correction": 0.7, "smoothing": 0.1, "separation": 0.5},
        {"method": "cellpose", "flow_threshold": 0.6, "cellprob_threshold": -1.0, "min_area": 9},
    ],
)
def test_engines_take_the_parameters_of_their_method(engine):
    section = {"engines": {"e": engine}}
    read = loading.load({**MINIMAL, "segmentation": section}).segmentation.engines["e"]
    assert {key: getattr(read, key) for key in engine} == engine


def test_networks_without_a_model_are_trained():
    engines = {
        "trained": {"method": "stardist", "n_rays": 64, "training": {"steps": 10}},
        "given": {"method": "stardist", "model": "2D_versatile_fluo"},
        "cellpose": {"method": "cellpose"},
    }
    section = {"channels": ["DNA"], "annotated": ANNOTATED, "engines": engines}
    loaded = loading.load({"run": "x", "segmentation": section}).segmentation.engines
    assert [name for name, engine in loaded.items() if engine.is_trained()] == ["trained"]
