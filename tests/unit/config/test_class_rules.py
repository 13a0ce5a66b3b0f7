from moascope.config import loading
from moascope.config.class_rules import fit_defaults
from moascope.config.root import Config

CLASSES = {
    "run": "mine",
    "input": {
        "format": "classes",
        "images": "images",
        "channels": {"DNA": 1},
        "groups": {"patient": "patient"},
    },
    "splits": {
        "folds": {"method": "stratified-k-fold"},
        "own": {"method": "stratified-k-fold", "audit": {"groups": ["patient"]}},
    },
}


def test_an_audit_of_images_without_plates_compares_images_and_free_groups():
    splits = loading.load(CLASSES).splits
    assert splits["folds"].audit.groups == ["image", "patient"]
    assert splits["own"].audit.groups == ["patient"]


def test_defaults_are_fitted_in_a_copy():
    config = Config.model_validate(CLASSES)
    before = config.model_dump()
    assert fit_defaults(config).splits["folds"].audit.groups == ["image", "patient"]
    assert config.model_dump() == before


def test_a_screen_with_plates_keeps_its_defaults():
    section = {"format": "simulate", "channels": {"DNA": "DNA"}}
    config = Config.model_validate({**CLASSES, "input": section})
    assert fit_defaults(config) is config


def test_cells_are_found_and_classified_in_images_without_plates():
    segmentation = {"engines": {"c": {"method": "classical"}}}
    config = {**CLASSES, "segmentation": segmentation, "units": {"cells": {"crop": 32}}}
    assert loading.load(config).unit() == "cell"
