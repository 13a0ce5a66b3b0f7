"""Options of the section segmentation."""

import pytest
from raw_configs import (
    MINIMAL,
    engine_problems,
    problem_lines,
    problems,
)

from moascope.config import loading
from moascope.core.errors import InputError
from moascope.segmentation import options as segmentation
from moascope.segmentation.engines.registry import METHODS

SHEET = {"sheet": "sheet.csv"}
CLASSICAL = {"method": "classical"}
GIVEN_UNET = {"method": "unet", "model": "unet.keras"}


def read_section(**more):
    content = {"channels": ["DNA"], "annotated": SHEET, "engines": {"e": GIVEN_UNET}, **more}
    return loading.load({"run": "mine", "segmentation": content}, "mine.yaml").segmentation


def refusal(**more):
    with pytest.raises(InputError) as caught:
        read_section(**more)
    return str(caught.value)


def with_segmentation(annotated, **engine):
    engines = {"u": {"method": "unet", **engine}}
    section = {"channels": ["DNA"], "annotated": {"sheet": "s.csv", **annotated}}
    return {"run": "mine", "segmentation": {**section, "engines": engines}}


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


def test_networks_without_a_model_are_trained():
    engines = {
        "trained": {"method": "stardist", "n_rays": 64, "training": {"steps": 10}},
        "given": {"method": "stardist", "model": "2D_versatile_fluo"},
        "cellpose": {"method": "cellpose"},
    }
    section = {"channels": ["DNA"], "annotated": ANNOTATED, "engines": engines}
    loaded = loading.load({"run": "x", "segmentation": section}).segmentation.engines
    assert [name for name, engine in loaded.items() if engine.is_trained()] == ["trained"]


def test_keys_of_segmentation_without_effect_are_named():
    annotated = {"set_file": "sets.json", "set_column": "set", "sets": {"1": "train"}}
    augmentation = {"warp": 0, "rotation": 9, "zoom": [0.5, 2], "elastic": 1}
    place = "segmentation.engines.u.augmentation"
    assert problem_lines(with_segmentation(annotated, augmentation=augmentation)) == [
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


@pytest.mark.parametrize(
    ("engine", "needed"),
    [
        (GIVEN_UNET, ["test"]),
        ({"method": "cellpose"}, ["test"]),
        ({"method": "stardist", "model": "2D_versatile_fluo"}, ["test"]),
        (CLASSICAL, ["validation", "test"]),
        ({**GIVEN_UNET, "tune": True}, ["validation", "test"]),
        ({"method": "stardist", "model": "a.zip", "tune": True}, ["validation", "test"]),
        ({"method": "unet"}, ["train", "validation", "test"]),
        ({**GIVEN_UNET, "training": {"steps": 10}}, ["train", "validation", "test"]),
    ],
)
def test_given_models_need_test_images_only(engine, needed):
    assert read_section(engines={"e": engine}).needed_sets() == needed


def test_a_given_unet_is_trained_further_where_training_is_beside_it():
    engine = read_section(engines={"e": {**GIVEN_UNET, "training": {}}}).engines["e"]
    assert engine.is_trained()
    assert engine.is_trained_further()
    assert not read_section().engines["e"].is_trained()


def test_keys_that_a_given_unet_decides_are_refused():
    further = {**GIVEN_UNET, "training": {}}
    assert "network" in refusal(engines={"e": {**further, "network": {"depth": 3}}})
    assert "ensemble" in refusal(engines={"e": {**further, "ensemble": 2}})
    assert "augmentation" in refusal(engines={"e": {**GIVEN_UNET, "augmentation": {"flip": False}}})
    both = {**further, "augmentation": {"flip": False}}
    assert read_section(engines={"e": both}).engines["e"].is_trained_further()


def test_a_given_model_is_tuned_only_where_nothing_else_tunes_it():
    assert (
        read_section(engines={"e": {**GIVEN_UNET, "tune": True, "prominence": 0.1}})
        .engines["e"]
        .is_tuned()
    )
    assert not read_section().engines["e"].is_tuned()
    further = {**GIVEN_UNET, "training": {}, "tune": True}
    assert "tune has no effect with training" in refusal(engines={"e": further})
    assert "tune is for a given model" in refusal(engines={"e": {"method": "unet", "tune": True}})
    cellpose = {"method": "cellpose", "model": "nuclei", "tune": True}
    assert "tune is for method unet or stardist" in refusal(engines={"e": cellpose})
    star = {"method": "stardist", "model": "2D_versatile_fluo", "tune": True}
    star |= {"prob_threshold": 0.5, "nms_threshold": 0.3}
    assert "there is nothing to tune" in refusal(engines={"e": star})


def test_tuning_a_given_model_needs_annotated_images():
    screen = {"format": "table", "sheet": "s.csv", "channels": {"DNA": "h"}}
    engines = {"e": {**GIVEN_UNET, "tune": True}}
    with pytest.raises(InputError, match=r"engines\.e\.tune: there are no annotated images for t"):
        loading.load({"run": "x", "input": screen, "segmentation": {"engines": engines}})
    screen["columns"] = {"mask": "mask"}
    loading.load({"run": "x", "input": screen, "segmentation": {"engines": engines}})


def test_channels_come_from_the_files_of_annotated_images():
    by_channel = {"Hoechst": "h/{id}.tif", "Actin": "a/{id}.tif"}
    annotated = {**SHEET, "channels": by_channel}
    assert read_section(annotated=annotated, channels=[]).seen_channels([]) == list(by_channel)
    assert read_section(annotated=annotated, channels=["Actin"]).seen_channels([]) == ["Actin"]
    message = refusal(annotated=annotated, channels=["DNA"])
    assert "annotated.channels has no file for DNA; it has Hoechst, Actin" in message
    both = {**annotated, "image": "{path}"}
    assert "image and channels both name the images" in refusal(annotated=both, channels=[])


def test_a_channel_map_is_for_given_models():
    engine = {**GIVEN_UNET, "channel_map": {"DNA": "Hoechst"}}
    assert read_section(engines={"e": engine}, channels=["Hoechst"]).engines["e"].channel_map
    for other, users in ((CLASSICAL, "method unet or stardist"), ({"method": "unet"}, "a given m")):
        message = refusal(engines={"e": {**other, "channel_map": {"DNA": "Hoechst"}}})
        assert f"channel_map is for {users}" in message


def test_background_cannot_be_ignored():
    assert "ignore_label: 0 is background" in refusal(ignore_label=0)
    assert read_section(ignore_label=-1).ignore_label == -1


def test_a_channel_map_names_channels_of_the_screen():
    screen = {"format": "table", "sheet": "s.csv", "channels": {"Hoechst": "h"}}
    engine = {**GIVEN_UNET, "channel_map": {"DNA": "Hoehst"}}
    with pytest.raises(InputError, match=r"engines.e.channel_map: .*'Hoehst'.*Hoechst"):
        loading.load({"run": "x", "input": screen, "segmentation": {"engines": {"e": engine}}})


@pytest.mark.parametrize(
    ("method", "old", "new"),
    [("unet", {"turns": True}, "test_time_augmentation"), ("stardist", {"rays": 64}, "n_rays")],
)
def test_a_renamed_key_is_refused_with_its_new_name(method, old, new):
    (key,) = old
    text = refusal(engines={"e": {"method": method, **old}})
    assert f"segmentation.engines.e.{key}: this key is now called {new!r}" in text
