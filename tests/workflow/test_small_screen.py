"""One small screen, run to the end: what came out, what reruns after an edit, what a kill does."""

import copy
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from html import unescape
from html.parser import HTMLParser

import pandas as pd
import pytest
from planted import check_planted

PREPARE = ["prepare", "collect_units", "review_quality"]
SPLIT = ["split", "audit_split"]
CHECK = "check_splits"
FIT = ["fit_head", "final_model", "refit_null"]
SCORE = ["baselines", "evaluate"]
REPORT = ["summary", "report"]


# --- what comes out ---------------------------------------------------------------------------


def test_the_summary_keeps_its_contract(finished):
    content = finished.summary()
    assert set(content) == {
        *("run", "inputs", "quality", "classification", "leakage_audit", "environment"),
    }
    assert {"plates", "wells", "sites", "images", "digest"} <= set(content["inputs"])
    model = content["classification"]["lite0"]
    assert model["unit"] == "site"
    assert model["split"] == "loco"
    assert {"accuracy", "macro_f1", "balanced_accuracy", "calibration_error"} <= set(model)
    low, high = model["accuracy"]["ci"]
    assert 0 <= low <= model["accuracy"]["value"] <= high <= 1
    assert set(model["baselines"]) == {
        *("majority", "layout", "layout-lda", "channel-mean-sd"),
        *("hand-crafted", "hand-crafted-lda", "hand-crafted-svm"),
    }
    assert content["leakage_audit"]["loco"]["shared_groups"] == 0
    assert {"versions", "backend", "device", "seed", "workflow_version"} <= set(
        content["environment"]
    )


def test_the_saved_model_predicts_from_pixels_alone(finished):
    import numpy as np

    from moascope.networks import saving

    results = finished.folder / "results/small"
    channels = ["DNA", "Actin", "Tubulin"]
    model, metadata = saving.load_model(results / "models/lite0.keras", {"channels": channels})
    assert len(metadata["classes"]) == 6
    assert metadata["normalization"]["steps"][0]["method"] == "percentile"
    pixels = np.load(results / "units/pixels/Batch1_P1.npy")
    units = pd.read_parquet(results / "units.parquet").iloc[: len(pixels)]
    treated = (units["moa"].isin(metadata["classes"]) & ~units["flagged"]).to_numpy()
    probabilities = model.predict_on_batch(pixels[treated])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    predicted = np.array(metadata["classes"])[probabilities.argmax(axis=1)]
    assert (predicted == units["moa"][treated]).mean() > 0.9  # it was fitted to these


def test_planted_bad_wells_are_flagged_and_good_ones_are_not(finished):
    check_planted(finished.folder / "results/small", 6)


def test_flagged_sites_are_not_classified(finished):
    results = finished.folder / "results/small"
    units = pd.read_parquet(results / "units.parquet")
    predicted = pd.read_parquet(results / "predictions/lite0.parquet")["unit_id"]
    flagged = units.loc[units["flagged"] & (units["moa"] != ""), "unit_id"]
    assert len(flagged)
    assert not set(flagged) & set(predicted)
    assert len(predicted) == ((units["moa"] != "") & ~units["flagged"]).sum()


def test_a_split_that_leaks_stops_the_run_unless_a_warning_is_enough(finished, small_config):
    leaking = {"method": "stratified-k-fold", "folds": 3, "audit": {"groups": ["compound"]}}
    target = "results/small/splits/random.audit.json"
    config = edited(small_config, "splits.random", leaking)
    finished.write(config)
    code, output = finished.snakemake(target, check=False)
    assert code != 0
    assert "split 'random' leaks" in output
    assert "groups of column 'compound' are in two sets" in output
    assert not (finished.folder / target).exists()
    finished.write(edited(config, "splits.random.audit.on_leak", "warn"))
    finished.snakemake(target)
    audit = json.loads((finished.folder / target).read_text())
    assert not audit["passed"]
    assert audit["shared_groups"] > 0


def test_nothing_half_written_is_left(finished):
    assert not [path for path in finished.folder.rglob(".*partial*") if path.is_file()]


CAPTIONS = {
    "report.html": "report",
    "figures/accuracy.svg": "accuracy",
    "figures/splits.loco.svg": "split",
    "figures/lite0.confusion.svg": "confusion",
    "figures/lite0.calibration.svg": "calibration",
    "figures/lite0.embedding.svg": "embedding",
    "figures/examples.png": "examples",
}


def plain(text):
    """Leave out tags and line breaks, as a reader does."""
    return " ".join(unescape(re.sub(r"<[^>]*>", "", text)).split())


def shown_in(page, name):
    """Give what a page of Snakemake holds under a name."""
    text = page.partition(f'<script id="{name}">')[2]
    return json.JSONDecoder().raw_decode(text.partition(" = ")[2])[0]


def test_the_snakemake_report_can_be_made(finished, small_config, repository, tmp_path):
    captions = {path.stem: path.read_text() for path in repository.glob("workflow/report/*.rst")}
    finished.write(small_config)
    finished.snakemake("--report", str(tmp_path / "report.zip"))
    with zipfile.ZipFile(tmp_path / "report.zip") as archive:
        page = archive.read("report/report.html").decode()
        shown = shown_in(page, "results")
        files = {path: archive.read(f"report/{each['data_uri']}") for path, each in shown.items()}
    assert {path: plain(each["caption"]) for path, each in shown.items()} == {
        f"results/small/{name}": plain(captions[caption]) for name, caption in CAPTIONS.items()
    }
    assert files == {path: (finished.folder / path).read_bytes() for path in files}
    about = shown_in(page, "workflow-desc")
    assert plain(about) == plain(captions["workflow"].replace("*", ""))


class Scripts(HTMLParser):
    """The scripts and links of a page, as a browser finds them."""

    def __init__(self, page):
        super().__init__()
        self.scripts, self.links = [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        if tag == "script":
            self.scripts.append("")
        self.links += [value for name, value in attributes if name in ("href", "src")]

    def handle_data(self, data):
        if self.cdata_elem == "script":
            self.scripts[-1] += data


def test_a_hostile_title_runs_no_script_in_a_report(finished, small_config, tmp_path):
    finished.write(small_config)
    finished.snakemake("--report", str(tmp_path / "report.zip"))
    own = (finished.folder / "results/small/report.html").read_text()
    with zipfile.ZipFile(tmp_path / "report.zip") as archive:
        page = archive.read("report/report.html").decode()
    # The report tells from which parameters it was made, so the title is there, as text.
    assert "owned(1)" in page
    assert "owned(1)" in own
    (results,) = [text for text in Scripts(page).scripts if text.strip()[:14] == "var results = "]
    assert json.JSONDecoder().raw_decode(results.partition(" = ")[2])[0]  # not cut short
    for each in (page, own):
        found = Scripts(each)
        assert not [text for text in found.scripts if text.lstrip().startswith("owned(")]
        assert not [link for link in found.links if "owned" in str(link)]


def test_the_workflow_is_usable_as_a_module(finished, small_config, repository):
    finished.write(small_config)
    other = finished.folder / "other.smk"
    other.write_text(
        f"""
configfile: "config.yaml"


module moascope:
    snakefile:
        "{repository / "Snakefile"}"
    config:
        config


use rule * from moascope as screen_*


rule everything:
    default_target: True
    input:
        rules.screen_all.input,
"""
    )
    assert set(finished.planned(snakefile=other)) <= {"everything"}


# --- what reruns -----------------------------------------------------------------------------


def edited(config, path, value):
    changed = copy.deepcopy(config)
    *parents, key = path.split(".")
    section = changed
    for part in parents:
        section = section.setdefault(part, {})
    section[key] = value
    return changed


CASES = {
    "report.title": ("Another title", ["report"]),
    "evaluation.permutations": (300, ["evaluate", *REPORT]),
    "models.lite0.head": ({"type": "logistic"}, [*FIT, "evaluate", *REPORT]),
    "models.lite0.features": (
        ["network", "hand-crafted"],
        ["join_features", *FIT, "evaluate", *REPORT],
    ),
    "models.lite0.candidates": (
        {"network": {}, "joined": {"features": ["network", "hand-crafted"]}},
        ["join_features", "select_head", "final_model", "evaluate", *REPORT],
    ),
    "models.lite0.views": (4, ["check_models", "features", *FIT, "evaluate", *REPORT]),
    "splits.loco.method": ("group-k-fold", [CHECK, *SPLIT, *FIT, *SCORE, *REPORT]),
    "quality.focus_z": (5.0, [*PREPARE, *SPLIT, "features", *FIT, *SCORE, *REPORT]),
    "input.on_bad_image": (
        "quarantine",
        ["ingest", *PREPARE, *SPLIT, "features", *FIT, *SCORE, *REPORT],
    ),
    "input.max_image_gigabytes": (
        3.5,
        ["ingest", *PREPARE, *SPLIT, "features", *FIT, *SCORE, *REPORT],
    ),
    "splits.loco.audit": ({"on_leak": "warn"}, [CHECK, "audit_split", *REPORT]),
    "quality.exclude_flagged": (False, ["review_quality", *SPLIT, *FIT, *SCORE, *REPORT]),
    "quality.exclude_flagged_plates": (True, ["review_quality", *SPLIT, *FIT, *SCORE, *REPORT]),
    "quality.plate_z": (6.0, ["review_quality", *REPORT]),
    "input.brightfield": (
        ["DNA"],
        ["ingest", *PREPARE, *SPLIT, "features", *FIT, *SCORE, *REPORT],
    ),
    "input.label_name": ("phenotype", REPORT),
    "evaluation.baselines": (["majority"], ["baselines", "evaluate", *REPORT]),
    "augmentation": ([{"name": "flip"}], ["check_models", "augmentation_preview", *REPORT]),
    "units": ({"size": 64}, ["check_models", *PREPARE, *SPLIT, "features", *FIT, *SCORE, *REPORT]),
    "normalization": (
        {"steps": [{"method": "minmax", "scope": "image"}]},
        [*PREPARE, *SPLIT, "features", *FIT, *SCORE, *REPORT],
    ),
    "simulate.bad_wells_per_plate": (
        0,
        [
            *("simulate_plate", "sites", "divide_sites", "sheet_is_read", "ingest", CHECK),
            *(*PREPARE, *SPLIT, "features", *FIT, *SCORE, *REPORT),
        ],
    ),
}


def test_a_finished_run_has_nothing_to_do(finished, small_config):
    finished.write(small_config)
    assert finished.planned() == {}


def test_without_engines_there_are_no_rules_of_segmentation(finished, small_config):
    finished.write(small_config)
    _, output = finished.snakemake("--list-rules")
    assert "prepare" in output
    assert "train_unet" not in output


@pytest.mark.parametrize("key", CASES)
def test_an_edited_key_reruns_what_depends_on_it(finished, small_config, key):
    value, expected = CASES[key]
    finished.write(edited(small_config, key, value))
    assert set(finished.planned()) == set(expected)


def test_an_edited_sheet_reruns_the_plates_it_changes(finished, small_config, project):
    simulated = finished.folder / "results/small/simulated"
    sheets = []
    for file in sorted(simulated.glob("*/sheet.csv")):
        sheet = pd.read_csv(file)
        for column in ("DNA", "Actin", "Tubulin"):
            sheet[column] = file.parent.name + "/" + sheet[column]
        sheets.append(sheet.drop(columns="mask"))
    sheet = pd.concat(sheets, ignore_index=True)
    config = copy.deepcopy(small_config)
    config["input"].update({"format": "table", "sheet": "sheet.csv", "images": str(simulated)})
    del config["simulate"]
    config["segmentation"] = {"engines": {"classical": {"method": "classical"}}}

    def ran(sheet, modified=None):
        file = project.folder / "sheet.csv"
        sheet.to_csv(file, index=False)
        if modified is not None:
            os.utime(file, (modified, modified))
        targets = ("results/small/units.parquet", "results/small/cell_counts.parquet")
        _, output = project.snakemake(*targets)
        jobs = re.findall(r"^(?:local)?rule (\w+):", output, re.MULTILINE)
        return output, jobs

    project.write(config)
    _, jobs = ran(sheet)
    assert jobs.count("ingest") == 2
    shorter = sheet.drop(index=sheet.index[-1])
    output, jobs = ran(shorter)
    for rule in ("ingest", "prepare", "segment_plate", "measure_cells"):
        assert jobs.count(rule) == 1
    assert "wildcards: plate=Batch2_P1" in output
    assert "wildcards: plate=Batch1_P1" not in output
    dose = shorter["compound"] != "DMSO"
    relabelled = shorter.assign(concentration=shorter["concentration"].where(~dose, 7.0))
    _, jobs = ran(relabelled)
    assert not {"ingest", "prepare", "segment_plate", "measure_cells"} & set(jobs)
    assert jobs.count("collect_units") == 1
    old = 1_000_000_000  # as a file from an archive
    _, jobs = ran(shorter, modified=old)
    assert {"sites", "collect_units"} <= set(jobs)
    _, jobs = ran(shorter[shorter["plate"] == "Batch1_P1"], modified=old)
    units = pd.read_parquet(project.folder / "results/small/units.parquet")
    assert set(units["plate"]) == {"Batch1_P1"}
    assert 7.0 not in set(units["concentration"])


def test_a_new_model_leaves_the_old_one_alone(finished, small_config):
    model = {**small_config["models"]["lite0"], "feature_layers": ["block2_add"]}
    finished.write(edited(small_config, "models.second", model))
    planned = finished.planned()
    assert planned["features"] == planned["fit_head"] == planned["final_model"] == 1
    assert planned["evaluate"] == 1
    assert not {"sites", "ingest", *PREPARE, *SPLIT, "baselines"} & set(planned)


def test_models_alike_share_one_pass_through_the_network(finished, small_config):
    joined = {**small_config["models"]["lite0"], "features": ["network", "hand-crafted"]}
    config = edited(small_config, "models.joined", joined)
    texture = {"split": "loco", "features": ["hand-crafted"]}
    finished.write(edited(config, "models.texture", texture))
    planned = finished.planned()
    assert "features" not in planned
    assert planned["join_features"] == planned["fit_head"] == planned["final_model"] == 2


def test_candidates_are_chosen_in_every_fold_and_the_saved_model_is_one_of_them(
    finished, small_config
):
    import numpy as np

    from moascope.classification import final_model as classification_final_model
    from moascope.networks import saving

    candidates = {"network": {}, "both": {"features": ["network", "hand-crafted"]}}
    model = {**small_config["models"]["lite0"], "candidates": candidates}
    finished.write(edited(small_config, "models.nested", model))
    results = finished.folder / "results/small"
    names = (
        "predictions/nested.selection.parquet",
        "evaluation/nested.json",
        "models/nested.keras",
    )
    finished.snakemake(*(f"results/small/{name}" for name in names))
    selection = pd.read_parquet(results / names[0])
    predictions = pd.read_parquet(results / "predictions/nested.parquet")
    assert selection.groupby("fold")["chosen"].sum().eq(1).all()
    assert set(selection["fold"]) == set(predictions["fold"])
    assert selection["balanced_accuracy"].between(0, 1).all()
    plain = pd.read_parquet(results / "predictions/lite0.parquet")
    pd.testing.assert_frame_equal(predictions[["unit_id", "moa"]], plain[["unit_id", "moa"]])
    chosen = selection[selection["chosen"]].set_index("fold")["candidate"]
    alike = predictions["fold"].map(chosen) == "network"
    pd.testing.assert_frame_equal(predictions[alike], plain[alike])

    network, metadata = saving.load_model(results / "models/nested.keras")
    assert metadata["selection"]["chosen"] in candidates
    units = pd.read_parquet(results / "units.parquet")
    pixels = np.load(results / "units/pixels/Batch1_P1.npy")
    units = units.iloc[: len(pixels)]
    treated = (units["moa"].isin(metadata["classes"]) & ~units["flagged"]).to_numpy()
    probabilities = classification_final_model.predict_units(network, pixels[treated])
    predicted = np.array(metadata["classes"])[probabilities.argmax(axis=1)]
    assert (predicted == units["moa"][treated]).mean() > 0.9  # it was fitted to these


@pytest.mark.parametrize(
    ("module", "first", "untouched"),
    [
        ("classification/evaluation/scoring.py", "evaluate", ["features", "fit_head", "prepare"]),
        ("images/plate_store.py", "ingest", ["simulate_plate", "sites"]),
    ],
)
def test_an_edited_library_function_reruns_what_imports_it(
    finished, small_config, repository, tmp_path, module, first, untouched
):
    for name in ("workflow", "envs"):
        shutil.copytree(repository / name, tmp_path / name)
    shutil.copy(repository / "Snakefile", tmp_path)
    finished.write(small_config)
    with (tmp_path / "workflow/moascope" / module).open("a") as file:
        file.write("\nEXTRA = 1\n")
    # The copied scripts are new files; what is asked here is what the digests see.
    triggers = ("--rerun-triggers", "params", "input", "mtime")
    planned = finished.planned(*triggers, snakefile=tmp_path / "Snakefile")
    assert first in planned
    assert not set(untouched) & set(planned)


# --- a kill -----------------------------------------------------------------------------------


def outputs_of_finished_jobs(printed):
    """Name the files of the jobs that Snakemake has printed the end of."""
    jobs = r"^    output: (.+)\n(?:    .+\n)*?    jobid: (\d+)$"
    finished = re.findall(r"^Finished jobid: (\d+) \(Rule: \w+\)$", printed, re.MULTILINE)
    return [
        path
        for paths, job in re.findall(jobs, printed, re.MULTILINE)
        if job in finished
        for path in paths.split(", ")
    ]


def test_a_killed_run_is_resumed_with_the_same_result(finished, project, small_config):
    project.write(small_config)
    command = [
        *(sys.executable, "-m", "snakemake"),
        *("--snakefile", str(project.repository / "Snakefile"), "--cores", "2"),
        *("--directory", str(project.folder), "--configfile", str(project.file)),
    ]  # to the end, as a user would
    targets = [f"results/small/{name}.parquet" for name in ("predictions/lite0", "quality")]
    shown = project.folder / "printed.txt"
    with shown.open("wb") as file:
        running = subprocess.Popen(command, start_new_session=True, stdout=file, stderr=file)
    while "(Rule: ingest)" not in shown.read_text() and running.poll() is None:
        time.sleep(0.05)
    assert running.poll() is None, shown.read_text()[-6000:]
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert not [target for target in targets if (project.folder / target).exists()]
    complete = outputs_of_finished_jobs(shown.read_text())
    assert [path for path in complete if path.endswith(".ozx")]

    def states():
        found = {path: (project.folder / path).stat() for path in complete}
        return {path: (state.st_ino, state.st_mtime_ns) for path, state in found.items()}

    before = states()
    project.snakemake("--unlock")
    project.snakemake(*targets)
    assert states() == before
    for target in targets:
        resumed, uncut = (pd.read_parquet(run.folder / target) for run in (project, finished))
        pd.testing.assert_frame_equal(resumed, uncut)
