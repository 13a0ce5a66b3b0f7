"""The report of images without plates speaks of images and classes only."""

import html
import re

import numpy as np
import pandas as pd
import pytest
from fake_run import configuration
from report_contexts import context_of, model_of
from unit_tables import make_split

from moascope.classification.evaluation import scoring
from moascope.classification.evaluation.levels import Design
from moascope.classification.evaluation.options import Evaluation
from moascope.pipeline import run_summary
from moascope.report import page as report
from moascope.report.context import EnsembleContext, SplitContext

FORBIDDEN = r"\b(wells?|treatments?|compounds?|mechanisms?|sites?|fields?|part-\d)\b"


def classes_config():
    config = configuration()
    config["input"] = {
        "format": "classes",
        "channels": {"grey": 0},
        "plate_format": 96,
        "label_name": "diagnosis",
        "groups": {"patient": "patient_id"},
    }
    split = {"method": "group-k-fold", "group": ["patient"], "folds": 3, "validation": 0.0}
    config["splits"] = {"patients": {**split, "audit": {}}}
    config["models"] = {"lite0": {**config["models"]["lite0"], "split": "patients"}}
    config["augmentation"] = []
    return config


def images() -> pd.DataFrame:
    rows = [
        (f"{moa} tissue/{k:02d}.png", f"{moa} tissue", f"{moa[0]}{k % 6}")
        for moa in ("healthy", "sick")
        for k in range(24)
    ]
    table = pd.DataFrame(rows, columns=["site_id", "moa", "patient"])
    n = len(table)
    return table.assign(
        unit_id=table["site_id"],
        image=table["site_id"],
        site=table["site_id"],
        field=table["site_id"],
        plate="part-1-of-1",
        well=[f"A{k + 1:02d}" for k in range(n)],
        row=0,
        col=range(n),
        batch="1",
        compound="",
        treatment="",
        concentration=np.nan,
        role="treated",
        tile=0,
        usable=True,
        flagged=[k == 3 for k in range(n)],
    )


@pytest.fixture(scope="module")
def page():
    config, units = classes_config(), images()
    rng = np.random.default_rng(1)
    options = config["splits"]["patients"]
    kept = units.assign(usable=~units["flagged"])
    split, groups = make_split(kept, options, seed=1)
    fold_of = split[split["set"] == "test"].set_index("group")["fold"]
    table = groups.merge(units[["unit_id", "moa"]], on="unit_id").assign(repeat=0)
    table["fold"] = table["group"].map(fold_of)
    table["fold_name"] = "fold " + (table["fold"] + 1).astype(str)
    chance = np.clip(0.75 + 0.2 * rng.standard_normal(len(table)), 0.05, 0.95)
    classes = sorted(units["moa"].unique())
    for name in classes:
        table[f"p:{name}"] = np.where(table["moa"] == name, chance, 1 - chance)
    table["predicted"] = np.array(classes)[table[[f"p:{c}" for c in classes]].to_numpy().argmax(1)]
    predictions = table.drop(columns="group")
    entry = scoring.evaluate(
        predictions,
        units,
        Evaluation.model_validate(config["evaluation"]),
        baselines={"majority": predictions.assign(predicted=classes[0])},
        unit="image",
        split="patients",
        held_out=["patient"],
        design=Design(has_plates=False, groups=["patient"]),
    )
    joined = scoring.evaluate(
        predictions,
        units,
        Evaluation.model_validate(config["evaluation"]),
        models={"lite0": predictions},
        unit="image",
        split="patients",
        held_out=["patient"],
        design=Design(has_plates=False, groups=["patient"]),
    )
    audit = {
        "groups": {"patient": {"shared": 0, "examples": []}},
        **dict.fromkeys(("near_duplicates", "overlaps", "adjacent_crops")),
        **{"dropped": [], "messages": [], "not_looked_at": [], "passed": True},
    }
    quality = pd.DataFrame({"site_id": units["site_id"], "flagged": units["flagged"]})
    quality["reasons"] = np.where(quality["flagged"], "empty", "")
    quality["reason"] = ""
    embedding = units[["unit_id"]].assign(
        pca_1=rng.random(len(units)), pca_2=rng.random(len(units))
    )
    embedding = embedding.assign(tsne_1=embedding["pca_1"], tsne_2=embedding["pca_2"])
    embedding.attrs["explained"] = [0.5, 0.2]
    content = run_summary.build(
        "glands",
        run_summary.environment([], 1),
        inputs={"images": len(units), "digest": "5f3a9c" * 10},
        quality={"flagged_sites": 1, "reasons": {"empty": 1}},
        evaluations={"lite0": entry},
        audits={"patients": audit},
    )
    context = context_of(
        config,
        summary=content,
        quality=quality,
        quarantined=pd.DataFrame(
            {"site_id": ["sick tissue/x.png"], "reason": ["unreadable"], "message": ["truncated"]}
        ),
        units=units,
        splits={"patients": SplitContext(options, split, groups, audit)},
        models={
            "lite0": model_of(
                entry,
                config=config["models"]["lite0"],
                predictions=predictions,
                embedding=embedding,
            )
        },
        ensembles={"both": EnsembleContext({"members": ["lite0"], "combine": "vote"}, joined)},
        images={name: rng.random((32, 32, 1), dtype=np.float32) for name in units["unit_id"]},
    )
    return report.build(context)


@pytest.fixture(scope="module")
def words(page):
    """All text of the page, also what only screen readers say; not the configuration."""
    page = re.sub(r"<style>.*?</style>|<pre.*?</pre>", "", page, flags=re.DOTALL)
    said = re.findall(r'(?:alt|aria-label|title)="([^"]*)"', page)
    return html.unescape(" ".join([re.sub(r"<[^>]+>", " ", page), *said]))


def test_no_plates_wells_or_treatments_are_invented(words):
    assert re.findall(FORBIDDEN, words, re.IGNORECASE) == []


def test_it_speaks_of_images_in_the_words_of_the_config(words):
    assert "Diagnosis · run fake" in words
    assert "were classified correctly (2 diagnoses" in re.sub(r"\s+", " ", words)
    assert "t-SNE, by diagnosis" in words
    assert "t-SNE, by patient" in words
    assert "permuted diagnoses" in words
    assert "1 of 48 images flagged" in words


def test_pictures_carry_the_names_of_their_files(page):
    assert 'alt="healthy tissue/03.png, diagnosis healthy tissue"' in page


def test_patients_are_a_level_of_the_scores(words):
    assert "12 patients" in words
    assert "Confusion matrix of lite0 by patient" in words


def test_baselines_that_are_left_out_are_said(words):
    assert "There are no baselines of plate layout and cell counts" in words


def test_the_ladder_counts_the_errors_of_models_and_ensembles(page, words):
    flat = re.sub(r"\s+", " ", words)
    ladder = flat.partition("Errors on the test images")[2].partition("Ensemble both")[0]
    wrong = int(re.search(r"(\d+) of \d+ images were misclassified", flat)[1])
    rows = re.findall(r"(lite0|both) (\d+) (\d+) (\d+ to \d+) ([\d.]+)", ladder)
    assert [row[0] for row in rows] == ["lite0", "both"]
    assert {int(row[2]) for row in rows} == {wrong}
    for _, n, errors, interval, share in rows:
        low, high = map(int, interval.split(" to "))
        assert low <= int(errors) <= high
        assert float(share) == pytest.approx(100 * wrong / int(n), abs=0.005)


def test_the_images_that_an_ensemble_misreads_are_shown_with_both_classes(page):
    section = page.partition('id="ensemble-both"')[2].partition("</section>")[0]
    wrong = int(re.search(r"(\d+) of \d+ images were misclassified", section)[1])
    assert section.count("<img") == section.count("true: ") == section.count("predicted: ") == wrong
