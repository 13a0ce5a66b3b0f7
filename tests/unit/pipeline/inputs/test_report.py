import json

import pytest
from rule_inputs import build

from moascope.pipeline.inputs.classification import ModelInputs
from moascope.pipeline.inputs.report import ReportInputs
from moascope.pipeline.inputs.segmentation import EngineInputs

SCREEN = {
    "splits": {"loco": {"method": "leave-one-compound-out"}},
    "models": {
        "lda": {"split": "loco"},
        "mlp": {"split": "loco", "head": {"type": "mlp"}},
    },
}
GIVEN = {"given": {"method": "stardist", "model": "2D_versatile_fluo"}}
CELLS = {"segmentation": {"engines": GIVEN}}
ANNOTATED = {
    "input": None,
    "segmentation": {
        "annotated": {"sheet": "sheet.csv"},
        "channels": ["DNA"],
        "engines": {"classic": {"method": "classical"}},
    },
}


def report_of(plates=None, **sections):
    models = build(ModelInputs, plates=plates, **sections)
    engines = build(EngineInputs, plates=plates, **sections)
    return build(ReportInputs, models, engines, plates=plates, **sections)


@pytest.fixture
def screen():
    return report_of(**SCREEN)


@pytest.fixture
def annotated():
    return report_of([], **ANNOTATED)


def test_a_screen_is_checked_before_and_summed_up_after_the_run(screen):
    targets = screen.targets()
    for name in ("report.html", "summary.json", "splits.json", "models.json"):
        assert f"results/small/{name}" in targets
    assert "results/small/predictions/lda.parquet" in targets
    assert "results/small/models/mlp.keras" in targets
    assert not [path for path in targets if "labels" in path]


def test_networks_without_a_final_fit_are_evaluated_but_not_kept():
    network = {"split": "loco", "transfer": "full", "augment": False, "head": {"type": "mlp"}}
    models = {"kept": network, "tried": {**network, "final_fit": False}}
    targets = report_of(splits=SCREEN["splits"], models=models).targets()
    assert "results/small/models/kept.keras" in targets
    assert "results/small/models/tried.keras" not in targets
    assert "results/small/predictions/tried.parquet" in targets


def test_ensembles_are_evaluated_and_reported_as_models_are():
    ensembles = {"both": {"members": ["lda", "mlp"]}}
    run = report_of(**SCREEN, ensembles=ensembles)
    assert "results/small/predictions/both.parquet" in run.targets()
    evaluations = [f"results/small/evaluation/{name}.json" for name in ("lda", "mlp", "both")]
    assert run.screen_summary()["evaluations"] == evaluations
    assert run.screen_report()["evaluations"] == evaluations[:2]
    assert run.screen_report()["ensembles"] == evaluations[2:]


def test_without_a_screen_there_are_no_splits_and_models_to_check(annotated):
    names = [path.removeprefix("results/small/") for path in annotated.targets()]
    assert names == ["report.html", "summary.json"]
    assert not annotated.has_networks
    assert annotated.screen_summary() == {}
    assert annotated.screen_report() == {}


def test_cells_are_delivered_plate_by_plate():
    files = report_of(**SCREEN, **CELLS).deliverables()
    assert "results/small/cell_counts.parquet" in files
    for plate in ("P1", "P2", "P3"):
        assert f"results/small/labels/{plate}.ozx" in files
        assert f"results/small/labelled_plates/{plate}.ozx" not in files
    labelled = {"segmentation": {"engines": GIVEN, "labelled_plates": True}}
    assert "results/small/labelled_plates/P1.ozx" in report_of(**SCREEN, **labelled).deliverables()


def test_the_summary_has_a_file_of_every_model_and_split(screen):
    files = screen.screen_summary()
    assert files["evaluations"] == [
        f"results/small/evaluation/{name}.json" for name in SCREEN["models"]
    ]
    assert files["audits"] == ["results/small/splits/loco.audit.json"]
    assert files["sizes"] == []
    assert "counts" not in files
    assert "counts" in report_of(**SCREEN, **CELLS).screen_summary()


def test_the_report_has_curves_of_what_is_trained_in_epochs(screen):
    files = screen.screen_report()
    assert files["histories"] == ["results/small/predictions/mlp.history.parquet"]
    assert len(files["embeddings"]) == len(files["embedded"]) == 2
    assert files["augmentation"] == []


def test_the_report_shows_scores_of_engines_and_cells_of_a_screen(annotated, screen):
    assert "engine_scores" in annotated.segmentation_report()
    assert "samples" not in annotated.segmentation_report()
    assert screen.segmentation_report() == {}
    cells = report_of(**SCREEN, **CELLS).segmentation_report()
    assert set(cells) == {"counts", "cell_doubts", "samples", "sample_table"}


def test_figures_have_a_path_a_caption_and_a_category(screen, annotated):
    figures = screen.figures()
    assert figures["results/small/figures/accuracy.svg"] == ("accuracy", "Scores")
    assert "results/small/figures/mlp.curves.svg" in figures
    assert "results/small/figures/lda.curves.svg" not in figures
    assert {caption for caption, _ in annotated.figures().values()} == {"segmentation", "sizes"}


def test_the_configuration_of_the_report_ends_no_script():
    report = report_of(**SCREEN, report={"title": "</script>"})
    text = report.config_for_html(None)
    assert "</script>" not in text
    assert json.loads(text)["report"]["title"] == "</script>"
