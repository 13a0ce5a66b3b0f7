"""Figures of scores."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from figure_examples import EXAMPLES, contrast, history, texts

from moascope.report.figures import scores, style
from moascope.report.figures.scores import ForestRow


def test_confusion_shows_counts_and_shares_of_the_true_class():
    drawn = texts(EXAMPLES["confusion"]())
    assert {"90%", "9", "10%", "1", "20%", "70%"} <= set(drawn)
    assert "n 10" in drawn


def test_a_rare_confusion_is_not_called_zero():
    drawn = texts(scores.confusion_matrix([[999, 1], [0, 10]], ["a", "b"], "C"))
    assert "<1%" in drawn
    assert "0%" not in drawn


def test_forest_writes_the_value_beside_every_point():
    assert {"90.0", "20.0, no interval"} <= set(texts(EXAMPLES["forest"]()))


def test_curves_without_validation_and_with_one_epoch_are_drawn():
    one = history(epochs=1).drop(columns=["val_loss", "val_accuracy"])
    assert "validation, median" not in texts(scores.training_curves(one, "T"))


@pytest.mark.parametrize("scheme", [0, 1])
@pytest.mark.parametrize("hue", ["accent", "contrast"])
def test_numbers_are_legible_on_the_darkest_cell_of_a_confusion_matrix(scheme, hue):
    def channels(name):
        colour = style.COLOURS[name][scheme]
        return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])

    mixed = 0.48 * channels(hue) + 0.52 * channels("paper")
    cell = "#" + "".join(f"{round(value):02x}" for value in mixed)
    assert contrast(cell, style.COLOURS["fg"][scheme]) >= 4.5


def test_the_chart_of_scores_fits_a_narrow_screen():
    rows = [
        ForestRow("split a", "heading", {}),
        ForestRow("model", "model", {"accuracy": (0.99, 0.97, 1.0)}),
        ForestRow(
            "plate, batch, row and column, logistic", "baseline", {"accuracy": (0.1, 0, 0.3)}
        ),
    ]
    svg = scores.accuracy_forest(rows, ["accuracy"], "alt", narrow=True)
    assert float(re.search(r'width="([\d.]+)"', svg)[1]) <= 340
    assert "99.0" in svg


def test_a_score_without_an_interval_says_so():
    row = ForestRow("model", "model", {"accuracy": (0.9, float("nan"), float("nan"))})
    assert "90.0, no interval" in scores.accuracy_forest([row], ["accuracy"], "alt")


def test_points_at_the_edge_of_the_chart_are_not_cut():
    def cuts(values):
        row = ForestRow("model", "model", values)
        return scores.accuracy_forest([row], ["accuracy"], "alt").count("clip-path")

    assert cuts({"accuracy": (1.0, 0.9, 1.0)}) == cuts({})


@pytest.mark.parametrize("narrow", [False, True])
def test_a_score_with_a_wide_interval_is_written_within_the_chart(narrow):
    row = ForestRow("wide", "model", {"accuracy": (0.648, 0.06, 0.99)})
    svg = scores.accuracy_forest([row], ["accuracy"], "A", narrow=narrow)
    (text,) = [
        element
        for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
        if element.text == "64.8"
    ]
    assert "text-anchor: middle" in text.get("style")
