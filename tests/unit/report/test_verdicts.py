"""Verdicts: better than a baseline or than chance, and what else could explain a score."""

import numpy as np
import pandas as pd
import pytest
from half_right import lettered_units, predict_half
from random_screens import LDA, features_of, folds_of, predicted, screen

from moascope.classification import baselines
from moascope.classification.evaluation import nulls, scoring
from moascope.classification.evaluation.options import Evaluation
from moascope.classification.heads import cross_validation
from moascope.core.errors import InputError
from moascope.report import verdicts, wording
from moascope.screen.wells import parse_well, well_name

OPTIONS = Evaluation(permutations=200)


def small_screen() -> pd.DataFrame:
    """Units of a screen that is quick to evaluate many times: its layout is not known."""
    return screen(n_classes=3, n_units=6).drop(columns="batch")


def evaluated(units: pd.DataFrame, rng: np.random.Generator, skill: float) -> dict:
    return scoring.evaluate(
        predicted(units, features_of(units, rng, skill)),
        units,
        OPTIONS,
        baselines={"hand-crafted-lda": predicted(units, features_of(units, rng, skill))},
        held_out=["compound"],
    )


def test_few_null_screens_are_called_better():
    units, rng = small_screen(), np.random.default_rng(3)
    found = [verdicts.judge(evaluated(units, rng, skill=0.0)).status for _ in range(200)]
    assert found.count("ok") <= 0.05 * 200
    chance = [status for status in found if status == "warn"]
    assert len(chance) >= 0.9 * 200


def test_few_equally_good_pairs_are_called_better():
    units, rng = small_screen(), np.random.default_rng(5)
    found = [verdicts.judge(evaluated(units, rng, skill=1.0)).status for _ in range(60)]
    assert found.count("ok") <= 0.05 * 60


def test_a_clearly_better_model_is_called_so():
    units, rng = screen(n_classes=4, n_compounds=4), np.random.default_rng(7)
    entry = scoring.evaluate(
        predicted(units, features_of(units, rng, 3.0)),
        units,
        OPTIONS,
        baselines={"channel-mean-sd": predicted(units, features_of(units, rng, 0.3))},
        held_out=["compound"],
    )
    status, text = verdicts.judge(entry)
    assert status == "ok"
    assert text.startswith("better than every baseline; the closest is “channel mean and SD” (+")


def entry(value: float, low: float, p: float = 0.005, least: float = 0.005) -> dict:
    difference = {"value": value, "ci": [low, value + 0.1], "level": 0.95, "p": 0.5}
    null = {"mean": 0.2, "interval": [0.1, 0.3], "least_p": least, "deals": 200, "how": "refit"}
    score = {"value": 0.8, "ci": [0.7, 0.9], "level": 0.95, "p": p, "null": null}
    return {
        "accuracy": score,
        "baselines": {"hand-crafted": {"accuracy": {"value": 0.8 - value}}},
        "comparisons": {"hand-crafted": {"accuracy": difference}},
    }


@pytest.mark.parametrize(
    ("given", "status", "text"),
    [
        (entry(0.2, 0.05), "ok", "better than every baseline"),
        (entry(0.2, -0.05), "note", "not clearly better than the baseline"),
        (
            entry(-0.1, -0.3),
            "warn",
            "not better than the baseline “hand-crafted features, logistic”",
        ),
        (
            entry(0.2, 0.05, p=0.2),
            "warn",
            "no better than with mechanisms permuted among compounds (p = 0.2)",
        ),
        # Where no smaller p-value is possible, it says nothing.
        (entry(0.2, 0.05, p=0.5, least=0.5), "ok", "better than every baseline"),
    ],
)
def test_a_verdict_needs_the_whole_interval(given, status, text):
    found = verdicts.judge(given)
    assert found.status == status
    assert found.text.startswith(text)


def test_the_closest_baseline_is_that_of_the_smallest_difference():
    given = entry(0.062, -0.3)
    better = {"value": 0.0, "ci": [-0.01, 0.01], "level": 0.95, "p": 0.5}
    given["comparisons"]["channel-mean-sd"] = {"accuracy": better}
    found = verdicts.judge(given)
    assert found.status == "warn"
    assert found.text.startswith("not better than the baseline “channel mean and SD” (+0.0 points")
    # What is not clear decides, though another baseline is closer.
    better |= {"value": 0.05, "ci": [0.01, 0.09]}
    found = verdicts.judge(given)
    assert found.status == "note"
    assert "“hand-crafted features, logistic” (+6.2 points" in found.text


def test_differences_are_written_in_points():
    found = wording.format_difference({"value": -0.0106, "ci": [-0.0451, 0.0239]})
    assert found == "−1.1 points [−4.5, +2.4]"


def test_classes_that_follow_the_batch_are_warned_of():
    # The class is the week group: the layout tells it, and so do images that look like their week.
    units = screen(n_classes=2, n_compounds=4)
    units["batch"] = units["plate"] = np.where(units["moa"] == "a", "week 1", "week 2")
    rng = np.random.default_rng(1)
    tables = baselines.run_baselines({}, units, folds_of(units), ["layout", "layout-lda"])
    found = scoring.evaluate(
        predicted(units, features_of(units, rng, 1.0)),
        units,
        OPTIONS,
        baselines=tables,
        held_out=["compound"],
    )
    assert found["baselines"]["layout-lda"]["accuracy"]["value"] == 1
    said = {warning.id: warning for warning in verdicts.find_warnings("m", found)}
    assert "class-and-place" in said
    assert "“layout of the plates, l" in said["layout-alone"].text
    assert said["few-places"].title.endswith("is in one plate only")
    assert said["single-batch"].title.endswith("is in one batch only")


def test_controls_of_one_well_are_warned_of():
    units = screen(n_classes=2, n_compounds=4)
    control = units["moa"] == "a"
    units["row"] += 2
    units.loc[control, ["row", "col"]] = 1, 1
    units["well"] = [well_name(row, col) for row, col in units[["row", "col"]].to_numpy()]
    units["plate"] = np.char.add("P", (np.arange(len(units)) % 4).astype(str))
    found = evaluated(units, np.random.default_rng(2), skill=3.0)
    titles = [warning.title for warning in verdicts.find_warnings("m", found)]
    assert "“a” is in one position only" in titles


def test_a_screen_spread_over_its_plates_has_no_warning():
    units = screen(n_classes=4, n_compounds=4)
    tables = baselines.run_baselines({}, units, folds_of(units), ["layout-lda"])
    found = scoring.evaluate(
        predicted(units, features_of(units, np.random.default_rng(4), 3.0)),
        units,
        OPTIONS,
        baselines=tables,
        held_out=["compound"],
    )
    assert [warning.id for warning in verdicts.find_warnings("m", found)] == []


def test_one_compound_per_class_cannot_exclude_chance():
    units = screen(n_classes=3, n_compounds=1, n_units=16)
    table = cross_validation.fit_predict_folds(
        features_of(units, np.random.default_rng(1), 3.0),
        units["unit_id"].to_numpy(),
        units["moa"].to_numpy(),
        folds_of(units, "plate"),
        LDA,
    )
    found = scoring.evaluate(table, units, OPTIONS, held_out=["plate"])
    said = {warning.id: warning.text for warning in verdicts.find_warnings("m", found)}
    assert said["few-compounds"].startswith(
        "“a”, “b”, “c”: each of these classes has one compound only"
    )
    with pytest.raises(InputError, match="'compound' is finer than what the split"):
        scoring.evaluate(
            table,
            units,
            OPTIONS.model_copy(update={"independent_unit": "compound"}),
            held_out=["plate"],
        )


def test_compounds_known_from_training_beat_no_null_of_fixed_predictions():
    # No mechanism, but compounds with looks of their own, which are on every plate.
    units = screen(n_classes=3, n_compounds=3)
    rng = np.random.default_rng(1)
    looks = 3 * rng.standard_normal((9, 6))[pd.factorize(units["compound"])[0]]
    features = looks + rng.standard_normal((len(units), 6))
    folds = folds_of(units, "plate")
    table = cross_validation.fit_predict_folds(
        features, units["unit_id"].to_numpy(), units["moa"].to_numpy(), folds, LDA
    )
    fixed = scoring.evaluate(table, units, OPTIONS, held_out=["plate"])["accuracy"]
    assert fixed["value"] > 0.6
    assert fixed["p"] is None
    assert "compounds are in training as well" in fixed["p_reason"]
    refits = nulls.refit_null(features, units, folds, LDA, how="median", n=30, seed=1)
    again = scoring.evaluate(table, units, OPTIONS, refits=refits, held_out=["plate"])
    assert again["accuracy"]["p"] > 0.05


def test_warnings_of_a_summary_name_what_they_are_about():
    units = screen(n_classes=2, n_compounds=4)
    units["batch"] = units["plate"] = np.where(units["moa"] == "a", "week 1", "week 2")
    found = evaluated(units, np.random.default_rng(1), 1.0)
    audits = {"loco": {"messages": []}, "random": {"messages": ["2 pairs leak."]}}
    written = verdicts.summary_warnings({"lite0": found}, audits)
    assert written[0] == {"id": "leak", "about": "random", "text": "2 pairs leak."}
    assert {"class-and-place", "single-batch"} <= {entry["id"] for entry in written}
    assert {entry["about"] for entry in written[1:]} == {"lite0"}


def real_units(folder, batch: str | None) -> pd.DataFrame:
    """Units of the sheet of a real image set; no image is read."""
    sheet = pd.read_csv(folder / "labels.csv").astype({"plate": str})
    places = [parse_well(well, 96) for well in sheet["well"]]
    return sheet.assign(
        unit_id=sheet["filename"],
        row=[row for row, _ in places],
        col=[column for _, column in places],
        batch=sheet[batch] if batch else "one",
        treatment=sheet["compound"] + "@" + sheet["concentration"].astype(str),
    )


def evaluated_layout(units: pd.DataFrame, column: str) -> dict:
    """The entry of a model that knows nothing but the layout."""
    tables = baselines.run_baselines({}, units, folds_of(units, column), ["layout-lda"])
    return scoring.evaluate(
        tables["layout-lda"], units, OPTIONS, baselines=tables, held_out=[column]
    )


def test_week_groups_as_mechanisms_of_real_fields_are_warned_of(shared_data):
    units = real_units(shared_data / "bbbc021-lab", "week")
    weeks = sorted(units["week"].unique())
    units["moa"] = units["week"].map({week: "abc"[n % 3] for n, week in enumerate(weeks)})
    found = evaluated_layout(units, "compound")
    assert found["confounding"]["batch"]["cramers_v"] > 0.95
    assert found["accuracy"]["value"] > 0.7
    said = {warning.id for warning in verdicts.find_warnings("m", found)}
    assert {"layout-alone", "class-and-place"} <= said


def test_mechanisms_of_real_fields_are_not_told_by_their_layout(shared_data):
    found = evaluated_layout(real_units(shared_data / "bbbc021-lab", "week"), "compound")
    assert found["accuracy"]["value"] < 0.2
    assert found["confounding"]["batch"]["cramers_v"] < 0.8
    assert found["confounding"]["batch"]["single"] == {"Cholesterol-lowering": "Week9"}


def test_controls_of_real_cells_lie_in_one_well(shared_data):
    found = evaluated_layout(real_units(shared_data / "bbbc021-cells16", None), "plate")
    assert found["confounding"]["position"]["single"] == {"DMSO": "B02"}
    # Columns tell controls from treated wells: no image is needed.
    assert found["accuracy"]["value"] == 1
    assert "few-places" in {warning.id for warning in verdicts.find_warnings("m", found)}


def test_the_verdict_does_not_repeat_the_reason():
    units = lettered_units("AAAABBBB", "xxxxyyyy")
    rows = predict_half(units)
    entry = scoring.evaluate(rows, units, OPTIONS, baselines={"majority": rows})
    assert verdicts.judge(entry).text == "not compared with baselines, since there is no interval"
