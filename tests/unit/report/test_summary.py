"""summary.json: what a program reads."""

import json
import math

import numpy as np
import pandas as pd

from moascope.core.files import write_json, write_parquet
from moascope.pipeline import versions
from moascope.report import summary
from moascope.screen.wording import MECHANISM
from moascope.segmentation.engines.options.training import NetworkTraining

INPUTS = {"plates": 2, "wells": 10, "sites": 20, "images": 60, "digest": "ab"}
QUALITY = {"measured_sites": 20, "quarantined_sites": 0, "flagged_sites": 1, "reasons": {"dim": 1}}
SCORE = {"value": 0.9333333333333333, "ci": [0.8912345678, 0.9612345678], "level": 0.95}
ENTRY = {
    "unit": "site",
    "split": "loco",
    "n": 20,
    "accuracy": SCORE,
    "roc_auc": None,
    "per_class": {"A": {"precision": math.nan, "recall": 1.0, "f1": None, "n": np.int64(20)}},
    "baselines": {"majority": {"accuracy": SCORE}},
    "details": {"confusion": {"unit": [[20]]}},
}


def content(**changes):
    given = {
        "run": "demo",
        "inputs": INPUTS,
        "quality": QUALITY,
        "evaluations": {"lite0": ENTRY},
        "audits": {"loco": {"shared_groups": 0, "near_duplicates": None}},
        "environment": versions.environment([{"device": "CPU", "backend": "tensorflow"}], 3),
    }
    return summary.build(**{**given, **changes})


def test_it_has_the_sections_of_the_contract():
    assert list(content()) == [
        "run",
        "inputs",
        "quality",
        "classification",
        "leakage_audit",
        "environment",
    ]


def test_sections_without_content_are_absent():
    assert set(content(evaluations={}, audits={})) == {"run", "inputs", "quality", "environment"}


def test_numbers_are_not_rounded():
    assert content()["classification"]["lite0"]["accuracy"] == SCORE


def test_what_only_the_report_needs_is_left_out():
    assert "details" not in content()["classification"]["lite0"]


def test_scores_that_are_not_defined_are_absent():
    entry = content()["classification"]["lite0"]
    assert "roc_auc" not in entry
    assert entry["per_class"]["A"] == {"recall": 1.0, "n": 20}
    assert content()["leakage_audit"] == {"loco": {"shared_groups": 0}}


def test_it_is_strict_json(tmp_path):
    write_json(content(), tmp_path / "summary.json")
    assert json.loads((tmp_path / "summary.json").read_text())["run"] == "demo"


def test_quality_counts_flagged_and_unreadable_sites_and_every_reason():
    quality = pd.DataFrame(
        {
            "status": ["ok", "ok", "ok", "quarantined"],
            "reason": ["", "", "", "missing"],
            "flagged": [True, True, False, None],
            "reasons": ["dim;empty", "empty", "", None],
        }
    )
    assert summary.count_quality(quality) == {
        "measured_sites": 3,
        "quarantined_sites": 1,
        "quarantined_reasons": {"missing": 1},
        "flagged_sites": 2,
        "reasons": {"dim": 1, "empty": 2},
    }


def test_warnings_of_all_stages_stand_together():
    warning = {"id": "large-units", "about": "lite0", "text": "Units of 1024 px are slow."}
    assert content(warnings=[warning])["warnings"][0] == warning
    assert "warnings" not in content()


def test_what_could_not_be_computed_is_null_with_a_reason():
    score = {"value": 0.9, "ci": None, "level": 0.95, "reason": "one group only"}
    found = content(evaluations={"lite0": {**ENTRY, "accuracy": score}})
    assert found["classification"]["lite0"]["accuracy"] == score


ENVIRONMENT = versions.environment([], 3)
WARNING = {"id": "large-units", "about": "models.lite0", "text": "Units are large."}


def collect(files, **changes):
    values = {
        "run": "demo",
        "models": [],
        "splits": [],
        "engines": [],
        "training": {},
        "objects": "Nuclei",
        "measured_with": None,
        "words": MECHANISM,
    }
    options = summary.SummaryOptions(**{**values, **changes})
    return summary.collect(files, options, ENVIRONMENT)


def written(folder, name, content):
    write_json(content, folder / name)
    return str(folder / name)


def test_a_run_without_a_screen_has_scores_and_warnings_of_engines(tmp_path):
    history = pd.DataFrame({"step": [10], "loss": 1.0, "ap_50": 0.1, "mean_ap": 0.1})
    write_parquet(history.assign(learning_rate=1e-3, minutes=5.0), tmp_path / "h.parquet")
    files = {
        "segmentations": [written(tmp_path, "e.json", {"mean_ap": 0.5})],
        "histories": [str(tmp_path / "h.parquet")],
    }
    training = {"unet": NetworkTraining(steps=100, max_minutes=1)}
    found = collect(files, engines=["unet"], training=training)
    assert found["segmentation"] == {"unet": {"mean_ap": 0.5}}
    assert [warning["id"] for warning in found["warnings"]] == ["training-cut-short"]
    assert "inputs" not in found


def test_a_screen_has_its_facts_counts_and_the_warnings_of_all_stages(tmp_path):
    quality = pd.DataFrame({"status": ["ok"], "reason": [""], "flagged": [True], "reasons": "dim"})
    write_parquet(quality, tmp_path / "quality.parquet")
    counts = {"plate": ["P1"], "count": [4], "flagged": [False]}
    write_parquet(pd.DataFrame(counts), tmp_path / "counts.parquet")
    review = {"flagged_plates": {}, "by_class": {}, "undeclared_brightfield": {"DNA": 1}}
    doubts = {"expected_diameter": 20.0, "doubts": ["They are small."]}
    sizes = {"rule": "crop", "n_sizes": 2, "text": "Images have 2 sizes."}
    size_warning = {"id": "image-sizes", "about": "input.on_size_mismatch", "text": "Cut."}
    review_warning = {"id": "failed-plate", "about": "P1", "text": "It is dim."}
    leak = {"messages": ["2 groups are on two sides."]}
    files = {
        "segmentations": [],
        "inputs": written(tmp_path, "inputs.json", {**INPUTS, "notes": ["A note."]}),
        "quality": str(tmp_path / "quality.parquet"),
        "review": written(tmp_path, "review.json", {**review, "warnings": [review_warning]}),
        "evaluations": [],
        "audits": [written(tmp_path, "audit.json", leak)],
        "checked_models": [written(tmp_path, "models.json", {"warnings": [WARNING]})],
        "sizes": [written(tmp_path, "sizes.json", {**sizes, "warnings": [size_warning]})],
        "counts": str(tmp_path / "counts.parquet"),
        "cell_doubts": written(tmp_path, "doubts.json", doubts),
    }
    found = collect(files, splits=["loco"], measured_with="unet")
    assert found["inputs"] == {**INPUTS, "image_sizes": sizes}
    assert found["quality"]["flagged_sites"] == 1
    assert found["quality"]["undeclared_brightfield"] == {"DNA": 1}
    assert (found["cells"]["engine"], found["cells"]["objects"]) == ("unet", 4)
    assert found["cells"]["expected_diameter"] == 20
    assert [warning["id"] for warning in found["warnings"]] == [
        *("input", "failed-plate", "large-units", "image-sizes", "leak", "implausible-objects"),
    ]
