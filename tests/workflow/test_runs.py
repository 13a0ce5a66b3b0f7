"""Whole runs of other screens: trained networks, bad input, broken disks."""

import copy
import json
import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
import tifffile

from moascope.images.plate_store import PlateStore
from moascope.networks import saving


def with_input(config, **changes):
    changed = copy.deepcopy(config)
    changed["input"].update(changes)
    if changed["input"]["format"] != "simulate":
        del changed["simulate"]
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
            "feature_layers": ["block2_add"],
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
    final, about = saving.load_model(results / "models/lenet.keras")
    assert final.output_shape == (None, len(about["classes"]))
    assert "Training curves" in (results / "report.html").read_text()
    network = results / "folds/lenet/1.keras"
    network.rename(project.folder / "1.keras")
    assert project.planned()["train_fold"] == 1  # what was deleted is made again
    (project.folder / "1.keras").rename(network)
    assert project.planned() == {}

    def reruns(model="lenet", **changes):
        changed = copy.deepcopy(config)
        changed["augmentation"] = changes.pop("augmentation", config["augmentation"])
        changed["models"][model].update(changes)
        project.write(changed)
        return "train_fold" in project.planned()

    assert reruns(augmentation=[{"name": "flip"}])
    assert not reruns(model="mlp", views=4)
    assert reruns(augment=False)
    assert reruns(architecture={"activation": "elu"})
    assert not reruns(model="mlp", training={**training, "ema": 0.9})
    assert project.planned()["fit_keras_head"] == 1
    assert reruns(training={**training, "ema": 0.9})
    assert "fit_keras_head" not in project.planned()


# --- forms of sample sheets -------------------------------------------------------------------


def write_images(folder, *names, channels=0):
    rng = np.random.default_rng(0)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shape = (channels, 32, 32) if channels else (32, 32)
        axes = {"metadata": {"axes": "CYX"}} if channels else {}
        tifffile.imwrite(folder / name, rng.integers(0, 999, shape, np.uint16), **axes)


def table_of_many_channels(folder):
    write_images(folder, "a.tif", "b.tif", channels=2)
    rows = ["P1,A01,1,DMSO,,,a.tif", "P1,B02,1,taxol,1,Stab,b.tif"]
    lines = ["plate,well,site,compound,concentration,moa,image", *rows]
    (folder / "sheet.csv").write_text("\n".join(lines))
    section = {"format": "table", "sheet": "sheet.csv", "path_column": "image"}
    return {**section, "channels": {"DNA": 0, "ER": 1}}


def loaddata(folder):
    write_images(folder, *(f"P1/{well}_w{k}.tif" for well in "ab" for k in (1, 2)))
    head = "FileName_DNA,PathName_DNA,FileName_ER,PathName_ER,Metadata_Plate,Metadata_Well"
    place = f"{folder}/P1"
    rows = [f"{w}_w1.tif,{place},{w}_w2.tif,{place},P1,{w.upper()}01,1" for w in "ab"]
    (folder / "load.csv").write_text("\n".join([f"{head},Metadata_Site", *rows]))
    section = {"format": "loaddata", "sheet": "load.csv", "images": str(folder)}
    return {**section, "channels": {"DNA": "DNA", "ER": "ER"}, "columns": {"compound": None}}


def bbbc021(folder):
    head = "TableNumber,ImageNumber"
    stains = ("DAPI", "Tubulin", "Actin")
    head += "".join(f",Image_FileName_{stain},Image_PathName_{stain}" for stain in stains)
    head += (
        ",Image_Metadata_Plate_DAPI,Image_Metadata_Well_DAPI,Replicate,"
        "Image_Metadata_Compound,Image_Metadata_Concentration"
    )
    rows = []
    for number, (well, treatment) in enumerate((("B02", "DMSO,0.0"), ("B03", "taxol,0.3")), 1):
        names = [f"{well}_s1_w{k}.tif" for k in (1, 2, 4)]
        write_images(folder, *(f"Week1/Week1_P1/{name}" for name in names))
        files = ",".join(f"{name},Week1/Week1_P1" for name in names)
        rows.append(f"4,{number},{files},Week1_P1,{well},1,{treatment}")
    (folder / "image.csv").write_text("\n".join([head, *rows]) + "\n")
    (folder / "moa.csv").write_text("compound,concentration,moa\ntaxol,0.3,Stabilizers\n")
    section = {"format": "bbbc021", "sheet": "image.csv", "moa_table": "moa.csv"}
    return {**section, "images": str(folder), "channels": {stain: stain for stain in stains}}


def folder_of_images(folder):
    names = [f"P1/r0{row}c01f1-ch{channel}.tif" for row in (1, 2) for channel in (1, 2)]
    write_images(folder / "images", *names)
    (folder / "map.csv").write_text("plate,well,compound,moa\nP1,A1,DMSO,\nP1,B1,taxol,Stab\n")
    pattern = r"(?P<plate>[^/]+)/(?P<well>r\d+c\d+)f(?P<site>\d+)-ch(?P<channel>\d)\.tif"
    section = {"format": "folder", "images": "images", "platemap": "map.csv", "pattern": pattern}
    return {**section, "channels": {"DNA": "1", "ER": "2"}}


@pytest.mark.parametrize("form", [table_of_many_channels, loaddata, bbbc021, folder_of_images])
def test_every_form_of_sample_sheet_is_ingested(project, form):
    project.write({"run": "small", "input": form(project.folder)})
    project.snakemake("results/small/quality.parquet")
    quality = pd.read_parquet(project.folder / "results/small/quality.parquet")
    assert quality["status"].tolist() == ["ok", "ok"]
    assert quality["pixel_size_um"].dtype == float
    assert len(list(project.folder.glob("results/small/plates/*.ozx"))) == 1


def test_the_table_of_many_plates_is_divided_and_headers_are_read_in_parts(project):
    plates = [f"P{number:02}" for number in range(66)]
    write_images(project.folder, "A.tif", *(f"{plate}.tif" for plate in plates))
    section = {"format": "table", "sheet": "sheet.csv", "channels": {"DNA": "DNA"}}
    columns = dict.fromkeys(("compound", "concentration", "moa"))
    project.write({"run": "small", "input": {**section, "columns": columns}})

    def ran(plates):
        rows = [f"{plate},A01,1,{plate}.tif" for plate in plates]
        (project.folder / "sheet.csv").write_text("\n".join(["plate,well,site,DNA", *rows]))
        results = project.folder / "results/small"
        targets = ("sites/read", "plates/P63.ozx", "plates/P64.ozx")
        _, output = project.snakemake(*(f"results/small/{target}" for target in targets))
        for kind in ("files", "roles"):
            written = [results / f"sites/{kind}/{plate}.parquet" for plate in plates]
            assert [pd.read_parquet(file)["plate"].item() for file in written] == list(plates)
        return re.findall(r"^(?:local)?(?:rule|checkpoint) (\w+):", output, re.MULTILINE)

    first = ran(plates)
    sizes = ["check_images", "read_headers", "read_headers"]
    read = ["divide_sites", "ingest", "ingest", "sheet_is_read", "sites"]
    assert sorted(first) == sorted([*sizes, *read])
    # Another first plate moves the last plate of each part to the next part, and no more.
    assert not {"ingest", "prepare"} & set(ran(["A", *plates]))
    assert not {"ingest", "prepare"} & set(ran(plates))


def sites_of_two_sizes(folder, rule):
    """Two plates with images of different size, and how they are made one."""
    rng = np.random.default_rng(0)
    for name, shape in {"a": (32, 40), "b": (40, 32), "c": (36, 36), "d": (36, 36)}.items():
        tifffile.imwrite(folder / f"{name}.tif", rng.integers(0, 999, shape, np.uint16))
    (folder / "sheet.csv").write_text(
        "plate,well,site,compound,concentration,moa,DNA\n"
        "P1,A01,1,DMSO,,,a.tif\nP1,B02,1,taxol,1,Stab,b.tif\n"
        "P2,A01,1,DMSO,,,c.tif\nP2,B02,1,taxol,1,Stab,d.tif\n"
    )
    section = {"format": "table", "sheet": "sheet.csv", "channels": {"DNA": "DNA"}}
    return {"run": "small", "input": {**section, "on_size_mismatch": rule}}


def test_images_of_different_size_are_refused_before_any_is_read(project):
    project.write(sites_of_two_sizes(project.folder, "error"))
    code, output = project.snakemake(check=False)
    assert code != 0
    assert "on 1 of 2 plates, such as P1, images differ in size" in output
    assert "set input.on_size_mismatch to resize" in output
    assert not list(project.folder.glob("results/small/plates/*"))


def test_all_plates_get_one_size_that_an_edited_row_does_not_change(project):
    project.write(sites_of_two_sizes(project.folder, "resize"))
    project.snakemake("results/small/quality.parquet", "results/small/sizes.json")
    sizes = json.loads((project.folder / "results/small/sizes.json").read_text())
    assert sizes["target"] == [36, 36]
    assert "all are resized to 36 x 36 px" in sizes["warnings"][0]["text"]
    for plate in ("P1", "P2"):
        with PlateStore(project.folder / f"results/small/plates/{plate}.ozx") as store:
            assert store.shape == (1, 36, 36)
    sheet = project.folder / "sheet.csv"
    sheet.write_text(sheet.read_text().replace("taxol", "paclitaxel"))
    _, output = project.snakemake("results/small/quality.parquet")
    assert not re.search(r"^(?:local)?rule (ingest|read_headers):", output, re.MULTILINE)


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
    assert "input.sheet: there is no file 'no/such.csv'; correct the path" in output
    assert "Traceback" not in output


def test_a_dry_run_names_all_that_is_wrong_with_plates_and_their_rows(project, small_config):
    (project.folder / "sheet.csv").write_text(
        "plate,well,site,compound,concentration,moa,DNA,Actin,Tubulin\n"
        "P 1,Z99,1,DMSO,,,a.tif,b.tif,c.tif\n"
    )
    project.write(with_input(small_config, format="table", sheet="sheet.csv"))
    code, output = project.snakemake("-n", check=False)
    assert code != 0
    assert "line 2, column 'plate': plate 'P 1': " in output
    assert "line 2, column 'well': 'Z99' is off the plate" in output
    assert re.search(r"line 2.*a\.tif", output)
    assert "Traceback" not in output


def test_a_folder_says_which_channel_or_file_does_not_fit(project):
    section = folder_of_images(project.folder)
    write_images(project.folder / "images", "P1/thumb.tif")
    project.write({"run": "small", "input": section})
    _, output = project.snakemake("-n")
    assert (
        "left out: 1 image file(s) that do not match input.pattern, such as 'P1/thumb.tif'"
        in output
    )
    project.write({"run": "small", "input": {**section, "channels": {"DNA": "w1", "ER": "w2"}}})
    code, output = project.snakemake("-n", check=False)
    assert code != 0
    assert "input.channels.DNA: no file has the channel 'w1'; did you mean '1'?" in output
    assert "no row names its plate" not in output


def test_a_missing_image_is_named_before_any_image_is_read(project, small_config):
    (project.folder / "sheet.csv").write_text(
        "plate,well,site,compound,concentration,moa,DNA,Actin,Tubulin\n"
        "P1,A01,1,DMSO,,,a.tif,b.tif,c.tif\n"
    )
    project.write(with_input(small_config, format="table", sheet="sheet.csv"))
    code, output = project.snakemake(check=False)
    assert code != 0
    assert re.search(r"line 2.*a\.tif", output)
    assert "Traceback" not in output
    assert not (project.folder / "logs/small/ingest").exists()


def test_a_split_that_cannot_be_made_stops_the_run_at_its_start(project, small_config):
    config = copy.deepcopy(small_config)
    config["simulate"].update({"plates": 1, "batches": 1, "compounds": 1})
    project.write(config)
    code, output = project.snakemake(check=False)
    assert code != 0
    assert "leave-one-compound-out" in output
    assert re.search(r"splits\.\w+: .*\n.*has a single compound, 'ACT-1'", output)
    assert "Traceback" not in output
    assert not (project.folder / "results/small/units.parquet").exists()


def test_networks_that_cannot_be_built_are_all_named_at_the_start(project, small_config):
    models = {
        "tap": {"split": "loco", "feature_layers": ["blok4_add"]},
        "layer": {"split": "loco", "transfer": "partial", "unfreeze_from": "block99_add"},
    }
    project.write({**small_config, "models": models})
    code, output = project.snakemake(check=False)
    assert code != 0
    assert "models.tap: feature_layers: efficientnet-lite0 has no layer 'blok4_add'" in output
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
    told = r"Tubulin\.ome\.tif: (damaged or )?truncated TIFF .+\. Copy it again from the microscope"
    assert re.search(told, output)
    assert "Traceback" not in output
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
    assert "results/small: cannot be written, since " in output
    assert "/results is a file where a folder is needed. Move it away." in output
    assert "Traceback" not in output


@pytest.fixture
def tiny_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small tmpfs")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_read_only_results_folder_stops_the_run_at_its_start(project, small_config, tiny_disk):
    (project.folder / "results").symlink_to(tiny_disk)
    subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], check=True)
    project.write(small_config)
    code, output = project.snakemake("results/small/sites.json", check=False)
    assert code != 0
    assert re.search(r"results/small: cannot be written, since \S+ is read-only for this", output)
    assert "run with --directory elsewhere" in output
    assert "Traceback" not in output
    assert not list(project.folder.glob("logs/small/simulate/*"))


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
