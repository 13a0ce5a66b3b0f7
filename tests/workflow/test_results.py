"""What the README promises of the runs that CI makes in this folder before the tests."""

import json
import os

import pandas as pd
import pytest
from planted import check_empty_wells, check_planted


@pytest.fixture
def run(repository, request):
    """Give the results of a run, its summary and the benchmarks of its jobs."""
    results = repository / "results" / request.param
    if request.param not in os.environ.get("MOASCOPE_RUNS", "").split():
        pytest.skip(f"MOASCOPE_RUNS does not name {request.param} as a run that was made here")
    tables = (repository / "benchmarks" / request.param).rglob("*.tsv")
    jobs = pd.concat([pd.read_csv(path, sep="\t") for path in tables])
    return results, json.loads((results / "summary.json").read_text()), jobs


@pytest.mark.parametrize("run", ["demo"], indirect=True)
def test_the_demo_is_not_trivial_and_the_network_solves_it(run):
    model = run[1]["classification"]["lite0"]
    assert model["accuracy"]["value"] > 0.90
    assert model["baselines"]["channel-mean-sd"]["accuracy"]["value"] < 0.70


@pytest.mark.parametrize("run", ["demo"], indirect=True)
def test_every_planted_bad_well_of_the_demo_is_flagged(run):
    check_planted(run[0], 12)


@pytest.mark.parametrize("run", ["demo"], indirect=True)
def test_planted_empty_wells_of_the_demo_have_hardly_any_nuclei(run):
    check_empty_wells(run[0], 4, most=2)


@pytest.mark.parametrize("run", ["demo"], indirect=True)
def test_the_demo_finds_its_nuclei_within_its_memory(run):
    _, summary, jobs = run
    assert summary["segmentation"]["unet"]["ap"]["0.5"] >= 0.85
    assert jobs["max_rss"].nlargest(2).sum() < 4000  # MB, of two jobs at a time


@pytest.mark.parametrize("run", ["bbbc021-lab"], indirect=True)
def test_the_lab_set_is_classified(run):
    results, summary, _ = run
    model = summary["classification"]["lite0"]
    assert model["accuracy"]["value"] >= 0.92
    assert model["by_treatment"]["n"] == 55
    assert model["by_treatment"]["accuracy"]["value"] == 1
    assert pd.read_parquet(results / "predictions/lite0.parquet")["fold"].nunique() == 18
    assert summary["classification"]["joined"]["accuracy"]["value"] >= 0.97
    floors = {name: score["accuracy"]["value"] for name, score in model["baselines"].items()}
    assert 0.5 < floors["channel-mean-sd"] < 0.7
    assert floors["hand-crafted"] > 0.877
    assert floors["hand-crafted-lda"] > 0.95


@pytest.mark.parametrize("run", ["bbbc021-lab"], indirect=True)
def test_real_fields_are_hardly_ever_flagged(run):
    assert pd.read_parquet(run[0] / "quality.parquet")["flagged"].astype(bool).mean() <= 0.01


@pytest.mark.parametrize("run", ["bbbc021-cells16"], indirect=True)
def test_the_16_bit_cells_are_classified(run):
    model = run[1]["classification"]["lite0"]
    assert model["unit"] == "cell"
    assert model["balanced_accuracy"]["value"] >= 0.95
    assert model["baselines"]["hand-crafted"]["balanced_accuracy"]["value"] > 0.957
