"""Figures: SVG that fits into a page, and the numbers in it."""

import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from moascope.report.figures import style
from moascope.report.figures.style import ForestRow
from moascope.screen.wells import PLATE_SHAPES

CLASSES = ["Actin disruptors", "DNA damage", "<script>alert(1)</script> $x^2$ & co"]


def wells(plate_format=96):
    rows, columns = np.indices(PLATE_SHAPES[plate_format]).reshape(2, -1)
    value = np.linspace(0, 6, len(rows))
    return pd.DataFrame({"row": rows, "col": columns, "value": value, "flagged": value > 5.9})


def plate(table, plate_format=96, **options):
    options = {"limits": (0.0, 6.0), "tick_format": ".0f", "alt": "Plate", **options}
    return style.plate_map(table, plate_format, "Blur", **options)


def history(epochs=5):
    folds = pd.MultiIndex.from_product([[0], range(3), range(epochs)]).to_frame(index=False)
    folds.columns = ["repeat", "fold", "epoch"]
    return folds.assign(loss=1.0, accuracy=0.5, val_loss=1.1, val_accuracy=0.4)


EXAMPLES = {
    "forest": lambda: style.accuracy_forest(
        [
            ForestRow("split loco", "heading", {}),
            ForestRow(CLASSES[2], "model", {"accuracy": (0.9, 0.85, 0.95)}),
            ForestRow("majority", "baseline", {"accuracy": (0.2, float("nan"), float("nan"))}),
        ],
        ["accuracy"],
        "Accuracy",
    ),
    "confusion": lambda: style.confusion_matrix([[9, 1, 0], [2, 7, 1], [0, 0, 0]], CLASSES, "C"),
    "reliability": lambda: style.reliability_diagram(
        [0.4, np.nan, 0.9], [0.3, np.nan, 0.95], [10, 0, 90], "R"
    ),
    "curves": lambda: style.training_curves(history(), "T"),
    "scatter": lambda: style.scatter_map(
        [0, 1, 2], [2, 1, 0], CLASSES, order=CLASSES, labels=("a", "b"), alt="S"
    ),
    "split": lambda: style.split_picture(
        [["test", "train"], ["validation", ""]], CLASSES[:2], 2, CLASSES[:2], "P"
    ),
    "bars": lambda: style.split_bars(
        pd.DataFrame({"train": [5], "validation": [0], "test": [2]}, index=["fold"]), "B"
    ),
    "plate": lambda: plate(wells()),
}


@pytest.fixture(params=EXAMPLES, scope="module")
def svg(request):
    return EXAMPLES[request.param]()


def texts(svg):
    root = ElementTree.fromstring(svg)
    return [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]


def test_every_figure_is_well_formed_and_named(svg):
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img"
    assert root.get("aria-label")
    assert root.get("viewBox")


def test_every_colour_follows_the_colour_scheme(svg):
    literal = set(re.findall(r"(?:fill|stroke): ?(#[0-9a-f]{6})", svg))
    assert not literal
    assert "var(--" in svg


def test_figures_ask_for_nothing_and_style_nothing_but_themselves(svg):
    assert "<style" not in svg
    assert "<metadata" not in svg
    assert "<image" not in svg
    assert not re.search(r'(?:href|src)="(?!#)', svg)


def test_ids_of_two_figures_never_meet():
    found = [re.findall(r'\bid="([^"]+)"', make()) for make in EXAMPLES.values()]
    everything = [name for names in found for name in names]
    assert len(everything) == len(set(everything))


def test_references_inside_a_figure_lead_somewhere(svg):
    names = set(re.findall(r'\bid="([^"]+)"', svg))
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg)) <= names


def test_figures_are_the_same_each_time():
    assert all(make() == make() for make in EXAMPLES.values())


@pytest.mark.parametrize("name", ["forest", "confusion", "scatter"])
def test_names_are_drawn_as_they_are(name):
    drawn = " ".join(text for text in texts(EXAMPLES[name]()) if text)
    assert "<script>alert(1)" in drawn
    assert "<script" not in EXAMPLES[name]()


def test_standalone_figures_carry_both_colour_schemes_and_a_background(svg):
    document = style.standalone(svg)
    ElementTree.fromstring(document.encode())
    assert "prefers-color-scheme: dark" in document
    assert "background:var(--paper)" in document


def test_confusion_shows_counts_and_shares_of_the_true_class():
    drawn = texts(EXAMPLES["confusion"]())
    assert {"90%", "9", "10%", "1", "20%", "70%"} <= set(drawn)
    assert "n 10" in drawn


def test_a_rare_confusion_is_not_called_zero():
    drawn = texts(style.confusion_matrix([[999, 1], [0, 10]], ["a", "b"], "C"))
    assert "<1%" in drawn
    assert "0%" not in drawn


def test_forest_writes_the_value_beside_every_point():
    assert {"90.0", "20.0, no interval"} <= set(texts(EXAMPLES["forest"]()))


@pytest.mark.parametrize("plate_format", [96, 384, 1536])
def test_plate_maps_stay_small_and_name_their_corners(plate_format):
    svg = plate(wells(plate_format), plate_format)
    assert len(svg) < 150_000
    assert {"A", "1"} <= set(texts(svg))


def test_flagged_wells_are_marked_by_shape():
    def marks(table):
        return len(re.findall(r"<use[^>]*stroke: var\(--fg", plate(table)))

    unflagged = marks(wells().assign(flagged=False))
    assert marks(wells()) - unflagged == wells()["flagged"].sum()


def test_a_plate_with_missing_wells_and_values_is_drawn():
    table = wells().iloc[10:40].assign(value=np.nan)
    ElementTree.fromstring(plate(table, diverging=True, limits=(-6, 6), tick_format="+.0f"))


def test_a_zero_on_a_signed_key_has_no_sign():
    drawn = texts(plate(wells(), diverging=True, limits=(-6.0, 6.0), tick_format="+.0f"))
    assert {"−6", "0", "+6"} <= set(drawn)


def test_curves_without_validation_and_with_one_epoch_are_drawn():
    one = history(epochs=1).drop(columns=["val_loss", "val_accuracy"])
    assert "validation, median" not in texts(style.training_curves(one, "T"))


def test_the_first_144_groups_of_a_map_look_different():
    looks = {(style.marker_of(i), i % style.N_CATEGORIES) for i in range(144)}
    assert len(looks) == 144


def contrast(one, other):
    def luminance(colour):
        channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(
            channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
        )
        return float(linear @ [0.2126, 0.7152, 0.0722])

    high, low = sorted([luminance(one), luminance(other)], reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1])
def test_colours_have_enough_contrast_with_the_page(scheme):
    paper = style.COLOURS["paper"][scheme]
    for name, pair in style.COLOURS.items():
        if name.startswith("c") or name == "accent":
            assert contrast(pair[scheme], paper) >= 3.0, name
        if name in ("fg", "muted"):
            assert contrast(pair[scheme], paper) >= 4.5, name


@pytest.mark.parametrize("scheme", [0, 1])
@pytest.mark.parametrize("hue", ["accent", "contrast"])
def test_numbers_are_legible_on_the_darkest_cell_of_a_confusion_matrix(scheme, hue):
    def channels(name):
        colour = style.COLOURS[name][scheme]
        return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])

    mixed = 0.48 * channels(hue) + 0.52 * channels("paper")
    cell = "#" + "".join(f"{round(value):02x}" for value in mixed)
    assert contrast(cell, style.COLOURS["fg"][scheme]) >= 4.5


def test_embedding_separates_clusters_and_is_reproducible():
    rng = np.random.default_rng(0)
    centres = 20 * rng.standard_normal((3, 60))
    features = np.repeat(centres, 30, axis=0) + rng.standard_normal((90, 60))
    table = style.embedding_map(features, seed=1)
    again = style.embedding_map(features, seed=1)
    pd.testing.assert_frame_equal(table, again)
    truth = np.repeat(range(3), 30)
    for kind in ("pca", "tsne"):
        plane = table[[f"{kind}_1", f"{kind}_2"]].to_numpy()
        middles = np.stack([plane[truth == k].mean(axis=0) for k in range(3)])
        nearest = ((plane[:, None] - middles) ** 2).sum(axis=-1).argmin(axis=1)
        assert (nearest == truth).all(), kind


def test_embedding_principal_components_agree_with_a_singular_value_decomposition():
    rng = np.random.default_rng(1)
    features = rng.standard_normal((40, 8)) * np.arange(8, 0, -1)
    table = style.embedding_map(features, seed=0)
    # Columns of one scale each, so that no kind of feature counts more than another.
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    u, s, _ = np.linalg.svd(scaled, full_matrices=False)
    np.testing.assert_allclose(np.abs(table["pca_1"]), np.abs(u[:, 0] * s[0]), atol=1e-6)
    np.testing.assert_allclose(table.attrs["explained"], (s**2 / (s**2).sum())[:2])


def test_embedding_draws_at_most_the_points_asked_for():
    table = style.embedding_map(np.random.default_rng(2).standard_normal((50, 4)), 0, 20)
    assert len(table) == 20
    assert table["row"].is_monotonic_increasing
    assert table["row"].max() < 50


@pytest.mark.parametrize("shape", [(3, 5), (4, 1), (30, 1)])
def test_embedding_of_few_units_or_features_is_drawn(shape):
    table = style.embedding_map(np.random.default_rng(3).standard_normal(shape), seed=0)
    assert table[["pca_1", "pca_2"]].notna().all(axis=None)
    assert len(table.attrs["explained"]) == 2


def test_units_that_are_all_alike_to_the_network_are_drawn():
    table = style.embedding_map(np.zeros((20, 5)), seed=0)
    assert (table[["pca_1", "pca_2"]] == 0).all(axis=None)
    assert "tsne_1" not in table
    assert table.attrs["explained"] == [0.0, 0.0]


def test_short_names_stay_different_and_recognisable():
    names = [
        "inhibitor of the mitotic kinesin Eg5, low dose",
        "inhibitor of the mitotic kinesin Eg5, high dose",
        "actin",
    ]
    low, high, actin = style.distinct_labels(names, 28)
    assert actin == "actin"
    assert low != high
    assert low.startswith("inhibitor of")
    assert low.endswith("low dose")
    assert high.endswith("high dose")
    assert max(len(low), len(high)) <= 40


def test_names_that_differ_in_their_middle_only_are_not_cut():
    names = [f"{'a' * 40}{k}{'b' * 40}" for k in range(3)]
    assert len(set(style.distinct_labels(names, 20))) == 3


def test_long_class_names_are_wrapped_between_words():
    names = ["malignant tumour of the bile duct", "benign"]
    assert style.wrapped_labels(names) == ["malignant tumour of\nthe bile duct", "benign"]
    svg = style.confusion_matrix([[3, 1], [0, 2]], names, "alt")
    assert "malignant tumour of" in svg
    assert "the bile duct" in svg


def test_the_word_fold_is_not_cut_where_group_names_are_short():
    svg = style.split_picture(
        [["train", "test"], ["test", "train"]], ["a", "b"], 2, ["", ""], "alt"
    )
    place = re.search(
        r'<text[^>]*?(?:transform="translate\(([-\d.]+)|x="([-\d.]+)")[^>]*>fold<', svg
    )
    assert place, svg
    # Right-aligned text ends there; it is 18 px wide at 8 pt, in units of 1/72 inch.
    anchor = float(place[1] or place[2])
    assert anchor * 96 / 72 >= 18


def test_the_chart_of_scores_fits_a_narrow_screen():
    rows = [
        ForestRow("split a", "heading", {}),
        ForestRow("model", "model", {"accuracy": (0.99, 0.97, 1.0)}),
        ForestRow(
            "plate, batch, row and column, logistic", "baseline", {"accuracy": (0.1, 0, 0.3)}
        ),
    ]
    svg = style.accuracy_forest(rows, ["accuracy"], "alt", narrow=True)
    assert float(re.search(r'width="([\d.]+)"', svg)[1]) <= 340
    assert "99.0" in svg


def test_a_score_without_an_interval_says_so():
    row = ForestRow("model", "model", {"accuracy": (0.9, float("nan"), float("nan"))})
    assert "90.0, no interval" in style.accuracy_forest([row], ["accuracy"], "alt")


def test_points_at_the_edge_of_the_chart_are_not_cut():
    def cuts(values):
        row = ForestRow("model", "model", values)
        return style.accuracy_forest([row], ["accuracy"], "alt").count("clip-path")

    assert cuts({"accuracy": (1.0, 0.9, 1.0)}) == cuts({})
