"""The report: one file, safe with any name, that says first what matters."""

import base64
import copy
import dataclasses
import io
import re
from html.parser import HTMLParser

import fake_run
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from moascope.core.files import read_parquet, write_parquet
from moascope.report import checks, verdicts, wording
from moascope.report import context as report_context
from moascope.report import models as report_models
from moascope.report import page as report
from moascope.report import quality as report_quality
from moascope.report import scores as report_scores
from moascope.report import splits as report_splits
from moascope.report import tiles as report_tiles

EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    return fake_run.context(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def page(context):
    return report.build(context)


def changed(context, **parts):
    """Give a copy of the context with some parts replaced."""
    parts = {"config": copy.deepcopy(context.config), **parts}
    return dataclasses.replace(context, **parts)


@pytest.fixture(scope="module")
def brief(context):
    """A run without models, whose report is drawn quickly."""
    short = changed(context, models={}, augmentation=None)
    short.config["report"] |= {"max_examples": 1, "max_plates": 1}
    return short


class Outline(HTMLParser):
    """Collects tags with their attributes, and the text of the page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.words, self.open = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words).replace("\xa0", " "))


@pytest.fixture(scope="module")
def outline(page):
    return Outline(page)


def statuses(context):
    return {check["title"]: check["status"] for check in checks.collect_checks(context)}


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
    answer = outline.text[: outline.text.index("What to know")]
    for share in (entry["accuracy"]["value"], low, high, baseline):
        assert f"{100 * share:.1f}" in answer
    assert "compounds the model had never seen" in answer


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


def test_only_the_worst_plates_are_drawn_and_the_rest_is_counted(brief):
    parts = [brief.quality]
    for number in range(30):
        table = brief.quality.copy()
        names = table["site_id"].str.replace("Week", f"Copy{number}_")
        parts.append(table.assign(site_id=names, flagged=False, reasons=""))
    many = changed(brief, quality=pd.concat(parts, ignore_index=True))
    many.config["report"]["max_plates"] = 3
    page = report.build(many)
    assert page.count("<summary>Plate ") == 3
    assert "<summary>Plate Week1_22123" in page
    assert "59 are not" in Outline(page).text
    assert len(page) < 3e6


def reviewed(context, **quality):
    """Give a copy of the context with other results of the review of quality."""
    summary = copy.deepcopy(context.summary)
    summary["quality"] |= quality
    return changed(context, summary=summary)


def test_plates_that_fail_as_a_whole_are_named_and_drawn_first(brief):
    failed = {"Week2_24121": {"out-of-focus": "DNA: sharpness -2.40, limit -1.85"}}
    failing = reviewed(brief, flagged_plates=failed)
    warning = {"id": "failed-plate", "about": "Week2_24121", "text": "It fails."}
    failing.summary["warnings"] = [warning]
    page = report.build(failing)
    text = Outline(page).text
    assert "Plates that fail as a whole" in text
    assert "DNA: sharpness -2.40, limit -1.85" in text
    assert "<summary>Plate Week2_24121" in page  # though only the other has flagged sites
    assert "<summary>Plate Week1_22123" not in page
    assert statuses(failing)["Quality of Week2_24121"] == "warn"


def test_flags_are_shown_by_class(brief):
    classes = {"A": {"n": 30, "lost": 29, "p": 0.0005}, "B": {"n": 40, "lost": 1, "p": 0.3}}
    balance = {"flagged sites": {"permuted": "well", "p": 0.0005, "classes": classes}}
    text = " ".join(Outline(report.build(reviewed(brief, by_class=balance))).text.split())
    assert "Flagged sites by class" in text
    assert "permutation test of classes among wells" in text
    page = report.build(reviewed(brief, by_class=balance))
    assert '<td>29</td><td>30</td><td>96.7</td><td class="wrong">0.0005</td>' in page
    assert "<td>1</td><td>40</td><td>2.5</td><td>0.3</td>" in page


def test_brightfield_channels_are_named(brief):
    declared = changed(brief)
    assert "Judged as brightfield" not in Outline(report.build(declared)).text
    declared.config["input"]["brightfield"] = ["DNA"]
    assert "Judged as brightfield, by texture: DNA." in Outline(report.build(declared)).text


def test_a_large_image_does_not_make_a_large_report(context):
    rng = np.random.default_rng(0)
    images = {unit: rng.random((700, 900, 3)) for unit in list(context.images)[:3]}
    painter = report_tiles.Painter(changed(context, images={**context.images, **images}))
    for image in images.values():
        assert max(painter.rgb(image).shape) <= 160
        assert len(base64.b64decode(painter.source(image).split(",")[1])) < 60_000


def test_a_run_without_models_is_reported(brief):
    outline = Outline(report.build(changed(brief, splits={})))
    assert "No model was configured" in outline.text
    assert not any(a.get("id") == "augmentation" for _, a in outline.tags)


def test_a_screen_without_flagged_sites_is_reported(brief):
    quality = brief.quality.assign(flagged=False, reasons="")
    clean = changed(brief, quality=quality)
    assert statuses(clean)["No site flagged"] == "ok"
    assert "No site is flagged." in Outline(report.build(clean)).text


def test_unreadable_sites_are_named(brief):
    lost = pd.DataFrame(
        {
            "site_id": ["P1/A01/1", "P1/A02/1"],
            "reason": ["unreadable", "missing"],
            "message": ["truncated TIFF", "no such file"],
        }
    )
    broken = changed(brief, quarantined=lost)
    assert statuses(broken)["2 sites could not be read"] == "warn"
    text = Outline(report.build(broken)).text
    assert "truncated TIFF" in text
    assert "Images are missing: P1/A02/1. Images are unreadable: P1/A01/1." in text


def test_simulated_images_are_called_simulated(context):
    simulated = changed(context)
    simulated.config["input"]["format"] = "simulate"
    assert statuses(simulated)["Simulated images"] == "warn"
    assert checks.collect_checks(simulated)[0]["title"] == "Simulated images"


def test_what_was_read_otherwise_than_written_is_said(context):
    note = "dose 0 in 1 well of 1 compound: vehicle controls"
    warnings = verdicts.input_warnings([note])
    assert warnings == [{"id": "input", "about": "input", "text": note}]
    noted = changed(context, summary={**context.summary, "warnings": warnings})
    (found,) = [c for c in checks.collect_checks(noted) if c["title"] == "Read from the tables"]
    assert (found["status"], found["text"]) == ("note", note)


def test_statistics_from_treated_wells_are_admitted(context):
    seen = changed(context)
    seen.config["normalization"]["steps"] = [{"method": "zscore", "scope": "plate"}]
    assert statuses(seen)["Normalization has seen test wells"] == "warn"


@pytest.mark.parametrize(
    ("include", "step", "warned"),
    [
        (True, {"method": "zscore", "scope": "controls"}, True),
        (False, {"method": "zscore", "scope": "controls"}, False),
        (True, {"method": "zscore", "scope": "image"}, False),
        (True, {"method": "anscombe", "scope": "controls"}, False),
    ],
)
def test_controls_that_are_a_class_and_set_the_normalization_are_admitted(
    context, include, step, warned
):
    loco = context.splits["loco"]
    loco = dataclasses.replace(loco, config={**loco.config, "include_controls": include})
    with_controls = changed(context, splits={**context.splits, "loco": loco})
    with_controls.config["normalization"]["steps"] = [step]
    title = "Normalization knows the control wells"
    found = [c for c in checks.collect_checks(with_controls) if c["title"] == title]
    assert [c["status"] for c in found] == ["warn"] * warned
    assert all("1 split (“loco”)" in c["text"] for c in found)
    assert all("optimistic for unmarked wells" in c["text"] for c in found)


@pytest.mark.parametrize("comparator", [True, False])
def test_a_baseline_below_chance_by_construction_is_not_shown(context, comparator):
    models = copy.deepcopy(context.models)
    for model in models.values():
        model.evaluation["baselines"]["majority"]["comparator"] = comparator
    labels = [row["label"] for row in report_scores.score_table(changed(context, models=models))]
    assert ("most frequent class" in labels) == comparator


def test_the_null_stands_beside_the_scores(context, outline):
    null = context.models["lite0"].evaluation["accuracy"]["null"]
    label = "permuted mechanisms (truth only)"
    row = next(r for r in report_scores.score_table(context) if r["label"] == label)
    assert row["accuracy"]["value"] == f"{100 * null['mean']:.1f}"
    assert "With mechanisms permuted among compounds" in outline.text
    assert f"permuted among compounds {null['deals']} times" in outline.text


def test_every_comparison_is_shown_with_its_interval(context, outline):
    for model in context.models.values():
        for scores in model.evaluation["comparisons"].values():
            assert wording.format_difference(scores["accuracy"], "") in outline.text


def test_the_layout_is_shown(outline):
    assert "bias-corrected Cramer's V" in outline.text


def test_a_class_of_one_batch_is_called_confounded(context):
    units = context.units
    alone = (units["moa"] == "DNA replication") & (units["batch"] == "week 2")
    confounded = changed(context, units=units[~alone])
    found = [c for c in checks.collect_checks(confounded) if "single batch" in c["title"]]
    assert found[0]["status"] == "warn"
    assert found[0]["text"].startswith("DNA replication:")


def test_a_screen_of_one_batch_is_noted(context):
    one = changed(context, units=context.units.assign(batch="week 1"))
    assert statuses(one)["One imaging batch only"] == "note"


def test_a_leak_is_a_warning_and_drops_are_noted(brief):
    split = brief.splits["loco"]
    audit = {
        **split.audit,
        "passed": False,
        "messages": ["2 fields stand on both sides."],
        "dropped": ["Class X is left out."],
    }
    leaking = changed(
        brief, splits={**brief.splits, "loco": dataclasses.replace(split, audit=audit)}
    )
    assert statuses(leaking)["Split “loco” leaks"] == "warn"
    assert statuses(leaking)["Split “loco” leaves something out"] == "note"
    text = Outline(report.build(leaking)).text
    assert "2 fields stand on both sides." in text
    assert "Class X is left out." in text


def test_what_an_audit_did_not_look_at_is_said(brief):
    split = brief.splits["loco"]
    assert (
        "Not looked at: adjacent crops (no plate has two units)."
        in Outline(report.build(brief)).text
    )
    gap = {"what": "images", "reason": "audit.images is false"}
    audit = {**split.audit, "passed": None, "not_looked_at": [gap]}
    blind = changed(brief, splits={**brief.splits, "loco": dataclasses.replace(split, audit=audit)})
    found = statuses(blind)
    assert found["Split “loco” was not audited in full"] == "warn"
    assert "Split “loco” passed the leakage audit" not in found
    assert "Not looked at: images (audit.images is false)." in Outline(report.build(blind)).text


def test_examples_take_turns_between_compounds_and_leave_flagged_units_out(context):
    units = context.units
    chosen = dict(report_context.example_units(units, 1, 6))
    assert list(chosen) == ["control", *sorted(fake_run.MECHANISMS)]
    known = units.set_index("unit_id")
    for name in fake_run.MECHANISMS:
        assert known.loc[chosen[name][:3], "compound"].nunique() == 3
        assert known.loc[chosen[name], "usable"].all()


def test_flagged_units_are_examples_where_they_are_classified(context):
    units = context.units
    name = min(fake_run.MECHANISMS)
    units = units.assign(flagged=units["moa"] == name)
    assert name not in dict(report_context.example_units(units, 1, 6))
    assert len(dict(report_context.example_units(units, 1, 6, with_flagged=True))[name]) == 6


def test_only_the_pixels_that_are_shown_are_read(context):
    shown = {u for _, row in report_context.example_units(context.units, 1, 6) for u in row}
    assert shown <= set(context.images)
    assert len(context.images) < len(context.units)


def test_pixels_are_those_of_their_unit(context):
    units, images = context.units, context.images
    pixels = fake_run.pictures(units, _after_quality(units))
    for unit, image in images.items():
        row = units.index[units["unit_id"] == unit][0]
        np.testing.assert_array_equal(image, pixels[row].astype(np.float32))


def _after_quality(units):
    rng = np.random.default_rng(7)
    fake_run.quality_table(units, rng)
    return rng


def test_the_pixel_size_follows_resizing_and_tiling(context):
    quality = pd.DataFrame({"width": [512, 512], "pixel_size_um": 0.5})
    config, images = {"units": {"tiles": [1, 2]}}, [np.zeros((128, 128, 3))]
    size = report_context._pixel_size(config, quality, images)
    assert size == pytest.approx(0.5 * 256 / 128)
    for unknown in (np.nan, [0.5, 0.6], [0.5, np.nan]):
        other = quality.assign(pixel_size_um=unknown)
        assert report_context._pixel_size(config, other, images) is None


def test_site_scores_are_those_of_the_worst_channel():
    n = 21
    quality = pd.DataFrame(
        {
            f"{measure}:{channel}": np.linspace(0.9, 1.1, n)
            for measure in ("focus_laplacian", "mean", "saturated", "foreground")
            for channel in ("a", "b")
        }
    )
    quality.loc[3, "focus_laplacian:b"] = 0.01
    quality.loc[4, "mean:a"] = 90.0
    quality.loc[5, "saturated:b"] = 3.0
    quality.loc[6, "foreground:a"] = 0.0
    scores = report_quality.site_scores(quality, ["a", "b"])
    assert scores["blur"].idxmax() == 3
    assert scores["brightness"].idxmax() == 4
    assert scores["saturated"].idxmax() == 5
    assert scores["foreground"].idxmin() == 6
    assert (scores["blur"].drop(3) < 4).all()


def test_a_plate_without_spread_scores_zero():
    quality = pd.DataFrame({f"{m}:a": [1.0] * 4 for m in ("focus_laplacian", "mean")})
    quality["saturated:a"], quality["foreground:a"] = 0.0, 0.5
    assert not report_quality.site_scores(quality, ["a"])[["blur", "brightness"]].any(axis=None)


def test_splits_with_many_groups_are_drawn_as_bars(context):
    split = context.splits["loco"]
    rows = [
        (0, fold, f"fold {fold}", f"g{group:03d}", "test" if group % 3 == fold else "train")
        for fold in range(3)
        for group in range(100)
    ]
    table = pd.DataFrame(rows, columns=["repeat", "fold", "fold_name", "group", "set"])
    unit_ids = context.units["unit_id"].head(200)
    groups = pd.DataFrame({"unit_id": unit_ids, "group": [f"g{i // 2:03d}" for i in range(200)]})
    many = changed(context, splits={"loco": dataclasses.replace(split, table=table, groups=groups)})
    svg = report_splits.split_figure(many, "loco")
    assert "units in training, validation and test of 3 folds" in svg


def test_mixed_groups_stand_under_no_class(context):
    assert "Actin disruptors" in report_splits.split_figure(context, "loco")
    assert "Actin disruptors" not in report_splits.split_figure(context, "plates")


def test_compounds_that_are_called_wrong_come_first(context):
    model = context.models["lite0"]
    rows = report_models.compound_rows(model.predictions, context.units)
    shares = [row["share"] for row in rows]
    assert shares == sorted(shares)
    assert rows[0]["compound"] == "AZ841"
    assert len(rows) == 18


def test_standalone_figures_are_those_the_workflow_declares(context):
    files = report.standalone_figures(context)
    expected = {"accuracy.svg", "examples.png", "splits.loco.svg", "splits.plates.svg"}
    for model in ("lite0", "lenet"):
        expected |= {f"{model}.{kind}.svg" for kind in ("confusion", "calibration", "embedding")}
    assert set(files) == expected | {"lenet.curves.svg"}
    assert files["examples.png"].startswith(b"\x89PNG")


def flag_every_site(paths):
    for name in ("units", "quality"):
        file = paths["screen"][name]
        write_parquet(read_parquet(file).assign(flagged=True), file)


def test_figures_are_written_although_every_unit_is_flagged(tmp_path):
    paths, config = fake_run.write(tmp_path)
    flag_every_site(paths)
    flagged = report_context.load_context(paths, config)
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
    assert b"Fewer than 3 units have features: there is no map of them." in svg


def test_every_declared_caption_exists(repository):
    rules = (repository / "workflow/rules/common.smk").read_text()
    declared = rules.partition("def report_figures")[2].partition("return found")[0]
    captions = re.findall(r'= \("(\w+)", "\w+"\)', declared)
    assert len(captions) == declared.count("found[")
    for name in [*captions, "report", "workflow"]:
        assert (repository / f"workflow/report/{name}.rst").is_file(), name


def test_nested_selection_is_shown(context):
    entry = copy.deepcopy(context.models["lite0"].evaluation)
    assert report_scores.selection_rows(entry) == []
    entry["selection"] = {"joined": {"folds": 17, "balanced_accuracy": 0.9734}}
    row = {"name": "joined", "folds": "17", "balanced_accuracy": "97.3"}
    assert report_scores.selection_rows(entry) == [row]


@pytest.mark.parametrize(("rule", "status"), [("crop", "warn"), ("resize", "note")])
def test_images_of_different_size_are_said(context, rule, status):
    text = "Images have 2 sizes, from 9 x 9 px to 12 x 12 px (height x width)."
    warning = {"id": "image-sizes", "about": "input.on_size_mismatch", "text": text}
    config = {**context.config["input"], "on_size_mismatch": rule}
    sized = changed(
        context,
        summary={**context.summary, "warnings": [warning]},
        config={**context.config, "input": config},
    )
    assert statuses(sized)["Images of different size"] == status


def test_large_units_are_noted(context):
    warning = {"id": "large-units", "about": "lite0", "text": "Units of 1024 px are slow."}
    large = changed(context, summary={**context.summary, "warnings": [warning]})
    assert statuses(large)["Large units"] == "note"
