"""Whole runs: what comes out, and what happens when something goes wrong."""

import copy
import json
import os
import re
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

# They share one small screen, so they run in one process.
pytestmark = pytest.mark.xdist_group("workflow")


def summary(project):
    return json.loads((project.folder / "results/small/summary.json").read_text())


def with_input(config, **changes):
    changed = copy.deepcopy(config)
    changed["input"].update(changes)
    return changed


# --- what comes out ---------------------------------------------------------------------------


def test_the_summary_keeps_its_contract(finished):
    content = summary(finished)
    assert set(content) == {
        *("run", "inputs", "quality", "classification", "leakage_audit", "environment"),
    }
    assert {"plates", "wells", "sites", "images", "digest"} <= set(content["inputs"])
    model = content["classification"]["lite0"]
    assert model["unit"] == "site"
    assert model["split"] == "loco"
    assert {"accuracy", "macro_f1", "balanced_accuracy", "calibration_error"} <= set(model)
    low, high = model["accuracy"]["ci95"]
    assert 0 <= low <= model["accuracy"]["value"] <= high <= 1
    assert set(model["baselines"]) == {
        *("majority", "channel-mean-sd", "hand-made", "hand-made-lda"),
    }
    assert content["leakage_audit"]["loco"]["shared_groups"] == 0
    assert {"versions", "backend", "device", "seed", "workflow_version"} <= set(
        content["environment"]
    )


def test_planted_bad_wells_are_flagged_and_good_ones_are_not(finished):
    results = finished.folder / "results/small"
    quality = pd.read_parquet(results / "quality.parquet")
    truth = pd.concat([pd.read_parquet(path) for path in results.glob("simulated/*/truth.parquet")])
    truth["site_id"] = truth["plate"] + "/" + truth["well"] + "/" + truth["site"].astype(str)
    both = quality.merge(truth, on="site_id", validate="1:1")
    bad = both["planted_problem"] != ""
    assert bad.sum() == 6
    assert both.loc[bad, "flagged"].all()
    assert both.loc[~bad, "flagged"].mean() <= 0.02


def test_nothing_half_written_is_left(finished):
    assert not [path for path in finished.folder.rglob(".*partial*") if path.is_file()]


def test_the_snakemake_report_can_be_made(finished, small_config, tmp_path):
    finished.write(small_config)
    page = tmp_path / "report.zip"
    finished.snakemake("--report", str(page))
    assert page.stat().st_size > 10_000


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


# --- networks that are trained ----------------------------------------------------------------


def test_networks_are_trained_fold_by_fold(project, small_config):
    config = copy.deepcopy(small_config)
    config["simulate"].update({"plates": 1, "batches": 1, "mechanisms": 2, "doses": 2})
    config["units"] = {"size": 64}
    config["splits"] = {
        "folds": {"method": "group-k-fold", "group": ["compound"], "folds": 2, "validation": 0.3}
    }
    config["augmentation"] = [{"name": "flip"}, {"name": "noise"}]
    training = {"epochs": 2, "batch_size": 4}
    config["models"] = {
        "lenet": {
            "split": "folds",
            "backbone": "lenet",
            "weights": "none",
            "transfer": "full",
            "head": {"type": "mlp", "hidden": []},
            "training": training,
        },
        "mlp": {
            "split": "folds",
            "taps": ["block2_add"],
            "views": 1,
            "head": {"type": "mlp", "hidden": [8]},
            "training": training,
        },
    }
    project.write(config)
    project.snakemake()
    results = project.folder / "results/small"
    scores = summary(project)["classification"]
    assert scores["lenet"]["n"] == scores["mlp"]["n"] > 0
    history = pd.read_parquet(results / "predictions/lenet.history.parquet")
    assert set(history["fold"]) == {0, 1}
    assert (results / "folds/lenet/1.keras").stat().st_size > 0
    assert not list(results.glob("checkpoints/**/*.npz"))
    assert "Training curves" in (results / "report.html").read_text()


# --- bad input --------------------------------------------------------------------------------


def test_a_wrong_key_stops_before_anything_is_planned(project, small_config):
    project.write({**small_config, "qualty": {}})
    code, output = project.snakemake(check=False)
    assert code != 0
    assert "unknown key 'qualty'; did you mean 'quality'?" in output
    assert "Traceback" not in output
    assert not (project.folder / "results").exists()


def test_a_missing_sheet_stops_before_anything_is_planned(project, small_config):
    project.write(with_input(small_config, format="table", sheet="no/such.csv"))
    code, output = project.snakemake(check=False)
    assert code != 0
    assert "no/such.csv" in output
    assert "Traceback" not in output


def test_a_missing_image_is_named_before_any_image_is_read(project, small_config):
    (project.folder / "sheet.csv").write_text(
        "plate,well,site,compound,concentration,moa,DNA,Actin,Tubulin\n"
        "P1,A01,1,DMSO,,,a.tif,b.tif,c.tif\n"
    )
    project.write(with_input(small_config, format="table", sheet="sheet.csv"))
    code, output = project.snakemake(check=False)
    assert code != 0
    assert re.search(r"line 2.*a\.tif", output)
    assert not (project.folder / "logs/small/ingest").exists()


def test_a_split_that_cannot_be_made_stops_the_run_at_its_start(project, small_config):
    config = copy.deepcopy(small_config)
    config["simulate"].update({"plates": 1, "batches": 1, "compounds": 1})
    project.write(config)
    code, output = project.snakemake(check=False)
    assert code != 0
    assert "leave-one-compound-out" in output
    assert "only one compound" in output or "one compound" in output
    assert not (project.folder / "results/small/units.parquet").exists()


def test_a_damaged_image_stops_the_run_and_is_named(project, small_config):
    config = copy.deepcopy(small_config)
    config["simulate"].update({"plates": 1, "batches": 1, "damaged_file": True})
    project.write(config)
    code, output = project.snakemake("results/small/quality.parquet", check=False)
    assert code != 0
    assert re.search(r"Tubulin\.ome\.tif", output)
    assert not list((project.folder / "results/small").glob("plates/*.ozx"))


def test_a_damaged_image_can_be_quarantined_and_is_reported(project, small_config):
    config = with_input(small_config, on_bad_image="quarantine")
    config["simulate"].update({"plates": 1, "batches": 1, "damaged_file": True})
    config["models"], config["splits"] = {}, {}
    project.write(config)
    project.snakemake()
    table = pd.read_parquet(project.folder / "results/small/quality.parquet")
    quarantined = table[table["status"] == "quarantined"]
    assert len(quarantined) == 1
    page = (project.folder / "results/small/report.html").read_text()
    assert quarantined["site_id"].iloc[0] in page


# --- broken runs ------------------------------------------------------------------------------


def test_a_file_in_place_of_the_results_folder_stops_the_run(project, small_config):
    (project.folder / "results").write_text("a file where the folder should be")
    project.write(small_config)
    code, output = project.snakemake("results/small/sites.json", check=False)
    assert code != 0
    assert "Not a directory" in output or "File exists" in output


@pytest.fixture
def tiny_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small tmpfs")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_named_with_a_fix_and_leaves_nothing_half_written(
    project, small_config, tiny_disk
):
    (project.folder / "results").symlink_to(tiny_disk)
    project.write(small_config)
    code, output = project.snakemake("results/small/plates/Batch1_P1.ozx", check=False)
    assert code != 0
    assert "No space left on device" in output
    assert "Free space on that disk" in output
    assert not list(tiny_disk.rglob("sheet.csv"))
    assert not list(tiny_disk.rglob("*.ozx"))


def test_a_killed_run_is_resumed_with_the_same_result(finished, project, small_config):
    project.write(small_config)
    command = [
        *(sys.executable, "-m", "snakemake"),
        *("--snakefile", str(project.repository / "Snakefile"), "--cores", "2"),
        *("--directory", str(project.folder), "--configfile", str(project.file)),
    ]
    running = subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    stores = project.folder / "results/small/plates"
    deadline = time.monotonic() + 300
    while not list(stores.glob("*.ozx")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert not (project.folder / "results/small/summary.json").exists()
    project.snakemake("--unlock")
    project.snakemake()
    resumed, uncut = summary(project), summary(finished)
    assert resumed["classification"] == uncut["classification"]
    assert resumed["quality"] == uncut["quality"]
