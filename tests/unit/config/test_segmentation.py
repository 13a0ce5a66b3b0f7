"""Config of what engines learn from and are scored on."""

import pytest

from moascope.config import loading
from moascope.core.errors import InputError

SHEET = {"sheet": "sheet.csv"}
CLASSICAL = {"method": "classical"}
UNET = {"method": "unet", "model": "unet.keras"}


def section(**more):
    content = {"channels": ["DNA"], "annotated": SHEET, "engines": {"e": UNET}, **more}
    return loading.load({"run": "mine", "segmentation": content}, "mine.yaml").segmentation


def refused(**more):
    with pytest.raises(InputError) as caught:
        section(**more)
    return str(caught.value)


@pytest.mark.parametrize(
    ("engine", "needed"),
    [
        (UNET, ["test"]),
        ({"method": "cellpose"}, ["test"]),
        ({"method": "stardist", "model": "2D_versatile_fluo"}, ["test"]),
        (CLASSICAL, ["validation", "test"]),
        ({**UNET, "tune": True}, ["validation", "test"]),
        ({"method": "stardist", "model": "a.zip", "tune": True}, ["validation", "test"]),
        ({"method": "unet"}, ["train", "validation", "test"]),
        ({**UNET, "training": {"steps": 10}}, ["train", "validation", "test"]),
    ],
)
def test_given_models_need_test_images_only(engine, needed):
    assert section(engines={"e": engine}).needed_sets() == needed


def test_a_given_unet_is_trained_further_where_training_is_beside_it():
    engine = section(engines={"e": {**UNET, "training": {}}}).engines["e"]
    assert engine.is_trained()
    assert engine.is_trained_further()
    assert not section().engines["e"].is_trained()


def test_keys_that_a_given_unet_decides_are_refused():
    further = {**UNET, "training": {}}
    assert "network" in refused(engines={"e": {**further, "network": {"depth": 3}}})
    assert "ensemble" in refused(engines={"e": {**further, "ensemble": 2}})
    assert "augmentation" in refused(engines={"e": {**UNET, "augmentation": {"flip": False}}})
    both = {**further, "augmentation": {"flip": False}}
    assert section(engines={"e": both}).engines["e"].is_trained_further()


def test_a_given_model_is_tuned_only_where_nothing_else_tunes_it():
    assert section(engines={"e": {**UNET, "tune": True, "prominence": 0.1}}).engines["e"].is_tuned()
    assert not section().engines["e"].is_tuned()
    further = {**UNET, "training": {}, "tune": True}
    assert "tune has no effect with training" in refused(engines={"e": further})
    assert "tune is for a given model" in refused(engines={"e": {"method": "unet", "tune": True}})
    cellpose = {"method": "cellpose", "model": "nuclei", "tune": True}
    assert "tune is for method unet or stardist" in refused(engines={"e": cellpose})
    star = {"method": "stardist", "model": "2D_versatile_fluo", "tune": True}
    star |= {"prob_threshold": 0.5, "nms_threshold": 0.3}
    assert "there is nothing to tune" in refused(engines={"e": star})


def test_tuning_a_given_model_needs_annotated_images():
    screen = {"format": "table", "sheet": "s.csv", "channels": {"DNA": "h"}}
    engines = {"e": {**UNET, "tune": True}}
    with pytest.raises(InputError, match=r"engines\.e\.tune: there are no annotated images for t"):
        loading.load({"run": "x", "input": screen, "segmentation": {"engines": engines}})
    screen["columns"] = {"mask": "mask"}
    loading.load({"run": "x", "input": screen, "segmentation": {"engines": engines}})


def test_channels_come_from_the_files_of_annotated_images():
    by_channel = {"Hoechst": "h/{id}.tif", "Actin": "a/{id}.tif"}
    annotated = {**SHEET, "channels": by_channel}
    assert section(annotated=annotated, channels=[]).seen_channels([]) == list(by_channel)
    assert section(annotated=annotated, channels=["Actin"]).seen_channels([]) == ["Actin"]
    message = refused(annotated=annotated, channels=["DNA"])
    assert "annotated.channels has no file for DNA; it has Hoechst, Actin" in message
    both = {**annotated, "image": "{path}"}
    assert "image and channels both name the images" in refused(annotated=both, channels=[])


def test_a_channel_map_is_for_given_models():
    engine = {**UNET, "channel_map": {"DNA": "Hoechst"}}
    assert section(engines={"e": engine}, channels=["Hoechst"]).engines["e"].channel_map
    for other, users in ((CLASSICAL, "method unet or stardist"), ({"method": "unet"}, "a given m")):
        message = refused(engines={"e": {**other, "channel_map": {"DNA": "Hoechst"}}})
        assert f"channel_map is for {users}" in message


def test_background_cannot_be_ignored():
    assert "ignore_label: 0 is background" in refused(ignore_label=0)
    assert section(ignore_label=-1).ignore_label == -1


def test_a_channel_map_names_channels_of_the_screen():
    screen = {"format": "table", "sheet": "s.csv", "channels": {"Hoechst": "h"}}
    engine = {**UNET, "channel_map": {"DNA": "Hoehst"}}
    with pytest.raises(InputError, match=r"engines.e.channel_map: .*'Hoehst'.*Hoechst"):
        loading.load({"run": "x", "input": screen, "segmentation": {"engines": {"e": engine}}})
