"""Whole runs of other screens: trained networks, bad input, broken disks."""

import copy
import re
import shutil
import subprocess

import pandas as pd
import pytest


def with_input(config, **changes):
    changed = copy.deepcopy(config)
    changed["input"].update(changes)
    return changed


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
    scores = project.summary()["classification"]
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
    assert "has a single compound, 'ACT-1'" in output
    assert not (project.folder / "results/small/units.parquet").exists()


def test_networks_that_cannot_be_built_are_all_named_at_the_start(project, small_config):
    models = {
        "tap": {"split": "loco", "taps": ["blok4_add"]},
        "layer": {"split": "loco", "transfer": "partial", "unfreeze_from": "block99_add"},
    }
    project.write({**small_config, "models": models})
    code, output = project.snakemake(check=False)
    assert code != 0
    assert "models.tap: taps: efficientnet-lite0 has no layer 'blok4_add'" in output
    assert re.search(r"models\.layer: unfreeze_from: .*'block99_add'", output)
    assert not (project.folder / "results/small/units.parquet").exists()


@pytest.mark.skipif(shutil.which("nvidia-smi") is not None, reason="this machine may have a GPU")
def test_a_required_gpu_that_is_not_there_stops_the_run_at_its_start(project, small_config):
    project.write({**small_config, "compute": {"gpu": "required"}})
    code, output = project.snakemake(check=False)
    assert code != 0
    assert "compute.gpu: a GPU is required, but nvidia-smi shows none" in output
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
