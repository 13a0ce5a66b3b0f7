"""The report: one file, safe with any name, that says first what matters."""

import dataclasses
import html
import io
import re

import fake_run
import numpy as np
import pandas as pd
import pytest
from fake_run import configuration
from PIL import Image
from report_contexts import context_of, model_of, split_of
from report_pages import Outline, changed
from unit_tables import make_split

from moascope.classification.ensembles.options import Ensemble
from moascope.classification.evaluation import scoring
from moascope.classification.evaluation.levels import Design
from moascope.classification.evaluation.options import Evaluation
from moascope.core.files import read_parquet, write_parquet
from moascope.pipeline import versions
from moascope.report import context as report_context
from moascope.report import page as report
from moascope.report import summary
from moascope.report.context import EnsembleContext

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
def classes_page():
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
    content = summary.build(
        "glands",
        versions.environment([], 1),
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
        splits={"patients": split_of(options, split, groups, audit)},
        models={
            "lite0": model_of(
                entry,
                config=config["models"]["lite0"],
                predictions=predictions,
                embedding=embedding,
            )
        },
        ensembles={"both": EnsembleContext(Ensemble(members=["lite0"], combine="vote"), joined)},
        images={name: rng.random((32, 32, 1), dtype=np.float32) for name in units["unit_id"]},
    )
    return report.build(context)


@pytest.fixture(scope="module")
def words(classes_page):
    """All text of the page, also what only screen readers say; not the configuration."""
    page = re.sub(r"<style>.*?</style>|<pre.*?</pre>", "", classes_page, flags=re.DOTALL)
    said = re.findall(r'(?:alt|aria-label|title)="([^"]*)"', page)
    return html.unescape(" ".join([re.sub(r"<[^>]+>", " ", page), *said]))


EVIL = "<script>alert(1)</script>"


def test_every_section_is_there_and_in_the_navigation(outline):
    ids = {attributes["id"] for _, attributes in outline.tags if "id" in attributes}
    sections = {"summary", "quality", "examples", "augmentation", "splits", "versions", "config"}
    for model in ("lite0", "lenet"):
        parts = ("confusion", "classes", "compounds", "calibration", "mistakes", "embedding")
        sections |= {f"model-{model}"} | {f"model-{model}-{part}" for part in parts}
    sections.add("model-lenet-training")
    assert sections <= ids
    assert sections <= {link["href"][1:] for link in outline.all("a")}
    assert "model-lite0-training" not in ids


def test_every_link_leads_to_a_place_on_the_page(outline):
    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {link["href"] for link in outline.all("a")} <= {f"#{name}" for name in ids}


def test_nothing_is_fetched_from_anywhere(page, outline):
    assert not outline.all("script")
    sources = [image["src"] for image in outline.all("img")]
    assert sources
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert all(link["href"] == "data:," for link in outline.all("link"))
    addresses = set(re.findall(r'https?://[^\s"<)]+', page))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)


def test_the_page_forbids_itself_the_network(outline):
    policies = [m["content"] for m in outline.all("meta") if "http-equiv" in m]
    assert policies[0].startswith("default-src 'none'")
    assert "script-src" not in policies[0]


def test_every_picture_and_figure_has_a_text(outline):
    assert all(image["alt"] for image in outline.all("img"))
    figures = [svg for svg in outline.all("svg") if svg.get("class") == "figure"]
    assert figures
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in figures)


def test_tables_have_captions_and_scoped_headings(outline):
    assert len(outline.all("table")) == len(outline.all("caption"))
    assert all(heading.get("scope") for heading in outline.all("th"))


def test_cells_of_stacked_tables_name_their_columns(outline):
    is_stacked, cells = False, []
    for name, attributes in outline.tags:
        if name == "table":
            is_stacked = "stacked" in (attributes.get("class") or "")
        elif name == "td" and is_stacked:
            cells.append(attributes)
    assert len(cells) > 20
    assert all(cell.get("data-label") for cell in cells)


def test_what_scrolls_can_be_reached_with_the_keyboard(outline):
    boxes = [
        attributes
        for _, attributes in outline.tags
        if "scroll" in (attributes.get("class") or "").split()
    ]
    assert boxes
    assert all(box.get("tabindex") == "0" for box in boxes)


def test_the_answer_comes_first_with_interval_and_baseline(context, outline):
    entry = context.models["lite0"].evaluation
    baseline = max(b["accuracy"]["value"] for b in entry["baselines"].values() if b["comparator"])
    low, high = entry["accuracy"]["ci"]
    answer = outline.text[: outline.text.index("Before using")]
    for share in (entry["accuracy"]["value"], low, high, baseline):
        assert f"{100 * share:.1f}" in answer
    assert (
        "of compounds that are not in training were classified correctly (6 mechanisms;" in answer
    )


def test_names_cannot_inject_markup(tmp_path, monkeypatch):
    config = fake_run.configuration()
    config["report"]["title"] = f"{EVIL} title"
    mechanisms = dict(fake_run.MECHANISMS)
    mechanisms[f"{EVIL} class"] = mechanisms.pop("Protein synthesis")
    monkeypatch.setattr(fake_run, "MECHANISMS", mechanisms)
    rename = {"taxol": f"{EVIL} compound", "emetine": '"><img src=x onerror=alert(1)>'}
    page = report.build(fake_run.context(tmp_path, config=config, rename=rename))
    outline = Outline(page)
    assert not outline.all("script")
    assert "x" not in [image["src"] for image in outline.all("img")]
    assert not any(name.startswith("on") for _, attributes in outline.tags for name in attributes)
    for what in ("title", "class", "compound"):
        assert f"{EVIL} {what}" in outline.text


def test_the_page_is_the_same_each_time(context, page):
    assert report.build(context) == page


def test_a_run_without_models_is_reported(brief):
    outline = Outline(report.build(changed(brief, splits={})))
    assert "No model is configured" in outline.text
    assert not any(a.get("id") == "augmentation" for _, a in outline.tags)


def test_standalone_figures_are_those_the_workflow_declares(context):
    files = report.standalone_figures(context)
    expected = {"accuracy.svg", "examples.png", "splits.loco.svg", "splits.plates.svg"}
    for model in ("lite0", "lenet"):
        expected |= {f"{model}.{kind}.svg" for kind in ("confusion", "calibration", "embedding")}
    assert set(files) == expected | {"lenet.curves.svg"}
    assert files["examples.png"].startswith(b"\x89PNG")


def flag_every_site(files):
    for file in (files.screen.units, files.screen.quality):
        write_parquet(read_parquet(file).assign(flagged=True), file)


def test_figures_are_written_although_every_unit_is_flagged(tmp_path):
    files, config = fake_run.write(tmp_path)
    flag_every_site(files)
    flagged = report_context.load_context(files, config)
    files = report.standalone_figures(flagged)
    with Image.open(io.BytesIO(files["examples.png"])) as picture:
        assert picture.width > 300
        assert np.ptp(np.asarray(picture)) > 200  # there is text
    brief = changed(flagged, models={}, augmentation=None)
    brief.config["report"] |= {"max_plates": 1}
    text = Outline(report.build(brief)).text
    assert "No images to show: all 264 units are flagged or have too little foreground." in text


def test_figures_are_written_although_there_are_too_few_units_for_a_map(context):
    models = {
        name: dataclasses.replace(model, embedding=None) for name, model in context.models.items()
    }
    svg = report.standalone_figures(changed(context, models=models))["lite0.embedding.svg"]
    assert b"Fewer than 3 units have features, too few for a map." in svg


def test_every_declared_caption_exists(repository):
    source = (repository / "workflow/moascope/pipeline/inputs/report.py").read_text()
    declared = source.partition("def figures")[2].partition("return found")[0]
    captions = re.findall(r'= \("(\w+)", "\w+"\)', declared)
    assert len(captions) == declared.count("found[")
    for name in [*captions, "report", "workflow"]:
        assert (repository / f"workflow/report/{name}.rst").is_file(), name


def test_no_plates_wells_or_treatments_are_invented(words):
    assert re.findall(FORBIDDEN, words, re.IGNORECASE) == []


def test_it_speaks_of_images_in_the_words_of_the_config(words):
    assert "Diagnosis · run fake" in words
    assert "were classified correctly (2 diagnoses" in re.sub(r"\s+", " ", words)
    assert "t-SNE, by diagnosis" in words
    assert "t-SNE, by patient" in words
    assert "permuted diagnoses" in words
    assert "1 of 48 images flagged" in words


def test_pictures_carry_the_names_of_their_files(classes_page):
    assert 'alt="healthy tissue/03.png, diagnosis healthy tissue"' in classes_page


def test_patients_are_a_level_of_the_scores(words):
    assert "12 patients" in words
    assert "Confusion matrix of lite0 by patient" in words


def test_baselines_that_are_left_out_are_said(words):
    assert "There are no baselines of plate layout and cell counts" in words


def test_the_ladder_counts_the_errors_of_models_and_ensembles(words):
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


def test_the_images_that_an_ensemble_misreads_are_shown_with_both_classes(classes_page):
    section = classes_page.partition('id="ensemble-both"')[2].partition("</section>")[0]
    wrong = int(re.search(r"(\d+) of \d+ images were misclassified", section)[1])
    assert section.count("<img") == section.count("true: ") == section.count("predicted: ") == wrong
