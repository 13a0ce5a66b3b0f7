"""Explanations in the report: galleries of right and wrong units, and tables."""

import base64
import io
import re

import matplotlib.image as mpl_image
import numpy as np
import pandas as pd
import pytest
from report_pages import changed

from moascope.report import page, tiles
from moascope.report.explanations.content import ExplanationContext
from moascope.report.explanations.section import (
    attack_counts,
    explanation_section,
    robustness_rows,
)

ROWS = [
    ("unaltered", "", 0.0, 10, 8),
    ("channel-ablation", "DNA", 1.0, 10, 8),
    ("channel-ablation", "Actin", 1.0, 10, 2),
    ("robustness", "blur, px", 1.0, 10, 8),
    ("robustness", "blur, px", 2.0, 10, 0),
    ("robustness", "noise, SD", 0.1, 10, 7),
    ("one-pixel", "one pixel", 1.0, 6, 5),
]


def scores():
    table = pd.DataFrame(ROWS, columns=["method", "target", "strength", "n", "correct"])
    return table.assign(accuracy=table["correct"] / table["n"])


@pytest.fixture
def explained(context):
    """The context of a run whose first model is explained on two units."""
    shown = list(context.images)[:2]
    units = pd.DataFrame(
        {"unit_id": shown, "moa": ["kind A", "kind A"], "predicted": ["kind A", "kind B"]}
    )
    maps = np.zeros((2, 8, 8), np.float16)
    maps[:, 1, 1] = 1
    name = next(iter(context.models))
    found = ExplanationContext(units, {"grad-cam": maps}, scores())
    return changed(context, explanations={name: found}), name


def test_right_and_wrong_units_stand_under_their_class(explained):
    context, name = explained
    section = explanation_section(context, name, tiles.Painter(context))
    (group,) = section["groups"]
    assert group["name"] == "kind A"
    assert [row["called"] for row in group["rows"]] == ["kind A", "kind B"]
    assert [each["title"] for each in group["rows"][0]["overlays"]] == ["Grad-CAM"]


def test_the_overlay_is_bright_where_the_map_is(explained):
    context, name = explained
    section = explanation_section(context, name, tiles.Painter(context))
    source = section["groups"][0]["rows"][0]["overlays"][0]["src"]
    data = base64.b64decode(source.partition(",")[2])
    picture = mpl_image.imread(io.BytesIO(data), format="jpeg").astype(float)
    colour = picture.max(axis=-1) - picture.min(axis=-1)
    height, width = colour.shape
    spot = colour[height * 3 // 16, width * 3 // 16]
    assert spot > 100
    assert np.median(colour[height // 2 :]) < 10


def test_channels_that_matter_come_first(explained):
    context, name = explained
    section = explanation_section(context, name, tiles.Painter(context))
    assert section["unaltered"] == "80.0"
    assert section["channels"] == [
        {"channel": "Actin", "accuracy": "20.0", "lost": "60.0"},
        {"channel": "DNA", "accuracy": "80.0", "lost": "0.0"},
    ]


def test_strengths_at_which_accuracy_halves_are_listed():
    blur, noise = robustness_rows(scores())
    assert (blur["name"], blur["unit"], blur["halving"]) == ("blur", "px", "1.5")
    assert blur["accuracies"] == "1: 80 · 2: 0"
    assert noise["halving"] == "above 0.1"


def test_flipped_units_are_counted():
    assert attack_counts(scores()) == {"n": 6, "flipped": 1}
    assert attack_counts(scores()[:3]) is None


def test_the_page_has_the_section_only_where_a_model_is_explained(context, explained):
    title = "What the network sees"
    assert title not in page.build(context)
    html = page.build(explained[0])
    assert html.count(title) == 1
    assert re.search(r'href="#model-[^"]*-explanation"', html)
