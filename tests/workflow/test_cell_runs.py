"""Whole runs that find cells: annotated images without a screen, and cells as units."""

import copy
import importlib.util
import json
import os
import re
import shutil
import zipfile

import numpy as np
import pandas as pd
import pytest
import tifffile

from moascope.segmentation.object_size import trained_size

TINY = {
    "method": "unet",
    "network": {"encoder": "none", "depth": 2, "filters": 4},
    "training": {
        **{"steps": 12, "batch_size": 4, "patch_size": 32},
        **{"validate_every": 6, "learning_rate": 0.01},
    },
}


def annotated_config(**changes):
    annotated = {"sheet": "sheet.csv", "image": "{image}", "mask": "{mask}"}
    section = {"objects": "Nuclei", "channels": ["DNA"], "annotated": annotated}
    engines = {"unet": TINY, "classical": {"method": "classical"}}
    return {"run": "small", "segmentation": {**section, "engines": engines, **changes}}


@pytest.fixture
def annotated(project):
    """Bright discs on a dark background, 64 px."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:64, :64]
    lines = ["image,mask,set"]
    for k in range(8):
        labels = np.zeros((64, 64), np.uint16)
        for number, place in enumerate(rng.choice(9, 5, replace=False), start=1):
            cy, cx = 12 + 20 * (place // 3), 12 + 20 * (place % 3)
            labels[(y - cy) ** 2 + (x - cx) ** 2 < 36] = number
        image = rng.poisson(np.where(labels > 0, 900, 100)).astype(np.uint16)
        tifffile.imwrite(project.folder / f"{k}.tif", image)
        tifffile.imwrite(project.folder / f"{k}_mask.tif", labels)
        kind = ["train", "train", "train", "train", "validation", "validation", "test", "test"][k]
        lines.append(f"{k}.tif,{k}_mask.tif,{kind}")
    (project.folder / "sheet.csv").write_text("\n".join(lines) + "\n")
    return project


def test_engines_are_compared_on_annotated_images(annotated):
    network = {**TINY, "ensemble": 2}
    classical = {"method": "classical"}
    annotated.write(annotated_config(engines={"unet": network, "classical": classical}))
    annotated.snakemake()
    scores = annotated.summary()["segmentation"]
    assert list(scores) == ["unet", "classical"]
    assert scores["classical"]["ap"]["0.5"] > 0.8
    assert {"ap", "mean_ap", "seconds_per_image", "by_image", "n_objects"} <= set(scores["unet"])
    results = annotated.folder / "results/small"
    assert not list((results / "segmentation").glob("*.checkpoint.npz"))
    page = (results / "report.html").read_text()
    for part in ("AP at IoU 0.5", "engine-unet", "engine-classical", "worst first", "One line per"):
        assert part in page
    assert "Splits" not in page
    assert annotated.planned() == {}
    curves = pd.read_parquet(results / "segmentation/unet.history.parquet")
    assert curves.groupby("member")["step"].apply(list).to_dict() == {0: [6, 12], 1: [6, 12]}
    first, second = (curves.loc[curves["member"] == member, "loss"] for member in (0, 1))
    assert first.tolist() != second.tolist()  # seeds of their own
    config = annotated_config()
    config["segmentation"]["engines"]["unet"] = {**network, "test_time_augmentation": True}
    annotated.write(config)
    scored = {"segment_test_unet", "score_engine", "summary", "report"}
    assert set(annotated.planned()) == {"tune_unet", *scored}
    config["segmentation"]["engines"]["unet"] = {**network, "export": True}
    annotated.write(config)
    assert set(annotated.planned()) == {"export_unet", "report"}  # which shows the configuration
    config["segmentation"]["engines"]["unet"] = {**network, "ensemble": 3}
    annotated.write(config)
    planned = annotated.planned()
    assert set(planned) == {"train_unet", "tune_unet", *scored}
    assert planned["train_unet"] == 1  # the one that is new


BRIGHTEST = """
import json
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import Field
from scipy import ndimage

from moascope.core.options import restore
from moascope.segmentation.engines.base import Method, SizeAdvice
from moascope.segmentation.engines.options.base import TrainedNetwork
from moascope.segmentation.implementations.base import Loaded, OneStep


class BrightestOptions(TrainedNetwork, frozen=True):
    level: float = Field(0.5, gt=0, lt=1, description="brightest: share of the highest intensity")


def train(job, annotated, training):
    level = restore(BrightestOptions, job.options).level
    Path(job.out["model"]).write_text(json.dumps({"level": level, "seed": training.seed}))
    row = {"step": 1, "loss": 0.1, "ap_50": 1.0, "mean_ap": 1.0}
    return pd.DataFrame([{**row, "learning_rate": 0.1, "minutes": 0.0}])


def load(job):
    level = json.loads(Path(job.given["model"]).read_text())["level"]

    def segment(image):
        return ndimage.label(image[0] > level * image[0].max())[0].astype(np.int32)

    return Loaded(OneStep(segment), job.channels)


BRIGHTEST = Method(
    name="brightest",
    options=BrightestOptions,
    load="moascope.segmentation.engines.brightest:load",
    environment="imaging",
    finding_keys=(),
    advice=SizeAdvice("level", "level"),
    train="moascope.segmentation.engines.brightest:train",
    learning_keys=("level",),
    model_file="brightest.json",
)
"""


def test_a_new_method_of_segmentation_is_one_file_and_its_line(repository, annotated):
    place = annotated.folder / "copy"
    for part in ("workflow", "envs", "profiles"):
        shutil.copytree(repository / part, place / part)
    shutil.copy(repository / "Snakefile", place)
    engines = place / "workflow/moascope/segmentation/engines"
    (engines / "brightest.py").write_text(BRIGHTEST)
    registry = (engines / "registry.py").read_text()
    line = "from moascope.segmentation.engines.brightest import BRIGHTEST"
    registry = registry.replace("    CELLPOSE,\n)", "    CELLPOSE,\n    BRIGHTEST,\n)")
    (engines / "registry.py").write_text(
        registry.replace("import Method\n", f"import Method\n{line}\n")
    )
    annotated.repository = place
    annotated.write(annotated_config(engines={"e": {"method": "brightest", "level": 0.4}}))
    annotated.snakemake("results/small/segmentation/e.scores.json")
    scores = json.loads((annotated.folder / "results/small/segmentation/e.scores.json").read_text())
    assert scores["ap"]["0.5"] > 0.5
    trained = annotated.folder / "results/small/segmentation/e.brightest.json"
    assert json.loads(trained.read_text())["level"] == 0.4
    annotated.write(annotated_config(engines={"e": {"method": "brightest", "grid": 2}}))
    code, output = annotated.snakemake("-n", check=False)
    assert code
    assert "segmentation.engines.e: grid is for method stardist, not brightest" in output


def test_a_given_model_needs_test_images_only_and_is_trained_further_beside_training(annotated):
    annotated.write(annotated_config(engines={"unet": TINY}))
    annotated.snakemake("results/small/segmentation/unet.keras")
    model = annotated.folder / "unet.keras"
    model.write_bytes((annotated.folder / "results/small/segmentation/unet.keras").read_bytes())
    given = {"method": "unet", "model": "unet.keras"}
    further = {**given, "training": {**TINY["training"], "max_minutes": 1e-6}}
    config = annotated_config(engines={"unet": further})
    config["run"] = "further"
    annotated.write(config)
    annotated.snakemake()
    summary = json.loads((annotated.folder / "results/further/summary.json").read_text())
    (warning,) = summary["warnings"]
    assert (warning["id"], warning["about"]) == ("training-cut-short", "unet")
    assert "stopped at max_minutes (1e-06) after 1 of 12 steps" in warning["text"]
    page = (annotated.folder / "results/further/report.html").read_text()
    assert "Training of “unet” was cut short" in page
    assert "the same set as training images" in page

    sheet = annotated.folder / "sheet.csv"
    lines = sheet.read_text().splitlines()
    sheet.write_text("\n".join([lines[0], *(line for line in lines if line.endswith("test"))]))
    config = annotated_config(engines={"unet": given})
    config["run"] = "scored"
    annotated.write(config)
    assert "train_unet" not in annotated.planned()
    annotated.snakemake()
    scored = json.loads((annotated.folder / "results/scored/summary.json").read_text())
    scores = scored["segmentation"]["unet"]
    assert scores["n_images"] == 2
    assert scores["ci"]["ap_50"] is None
    assert "2 independent groups" in scores["ci"]["reason"]


def described(path):
    """Read what a saved U-Net says of itself."""
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("moascope.json"))


def test_a_given_unet_is_tuned_on_validation_images_only(annotated):
    poor = {"mask_threshold": 1.0, "seed_threshold": 0.45, "prominence": 0.16}
    longer = {**TINY, "training": {**TINY["training"], "steps": 250, "validate_every": 250}}
    longer["augmentation"] = {"warp": 0.0, "gamma": 0.0, "contrast": 0.0}
    annotated.write(annotated_config(engines={"unet": {**longer, **poor}}))
    annotated.snakemake("results/small/segmentation/unet.keras")
    model = annotated.folder / "given.keras"
    model.write_bytes((annotated.folder / "results/small/segmentation/unet.keras").read_bytes())
    before = described(model)["instances"]
    assert poor.items() <= before.items()

    config = annotated_config(
        channels=["Hoechst"],
        engines={
            "unet": {
                **{"method": "unet", "model": "given.keras", "channel_map": {"DNA": "Hoechst"}},
                **{"tune": True, "seed_threshold": 0.3},
            }
        },
    )
    config["run"] = "tuned"
    annotated.write(config)
    goals = ["results/tuned/segmentation/unet.keras", "results/tuned/segmentation/unet.scores.json"]
    annotated.snakemake(*goals)
    tuned, scores = (annotated.folder / goal for goal in goals)
    after = described(tuned)
    assert after["instances"]["mask_threshold"] < before["mask_threshold"]
    assert after["instances"]["seed_threshold"] == 0.3  # as set
    assert after["tuned_from"]["instances"] == before
    assert described(model)["instances"] == before
    scored = json.loads(scores.read_text())
    assert scored["ap"]["0.5"] > 0.3  # the given one finds nothing
    assert annotated.planned(*goals) == {}

    for k in (6, 7):  # test images
        tifffile.imwrite(annotated.folder / f"{k}_mask.tif", np.eye(64, dtype=np.uint16))
        tifffile.imwrite(annotated.folder / f"{k}.tif", np.full((64, 64), 7, np.uint16))
    annotated.snakemake(*goals, "--forcerun", "annotate_images")
    assert described(tuned) == after
    assert json.loads(scores.read_text())["ap"] != scored["ap"]
    for k in (4, 5):  # validation images
        tifffile.imwrite(annotated.folder / f"{k}_mask.tif", np.eye(64, dtype=np.uint16))
    annotated.snakemake(goals[0], "--forcerun", "annotate_images")
    assert described(tuned) != after


def test_a_given_unet_is_tuned_at_the_measured_size(annotated):
    (annotated.folder / "given.keras").touch()
    given = {"method": "unet", "model": "given.keras", "diameter": "auto", "tune": True}
    star = {"method": "stardist", "model": "2D_versatile_fluo", "diameter": "auto", "tune": True}
    annotated.write(annotated_config(engines={"unet": given, "star": star}))
    _, output = annotated.snakemake("-n")
    inputs = dict(re.findall(r"rule (\w+):\s*input: (.*)\n", output))
    size = "results/small/segmentation/{}.annotated.size.json"
    assert inputs["measure_size_unet"].startswith("given.keras, ")
    assert inputs["tune_given_unet"].startswith(f"given.keras, {size.format('unet')}, ")
    assert inputs["tune_given_stardist"].startswith(f"{size.format('star')}, ")
    for name, file in (("unet", "unet.keras"), ("star", "star.stardist.zip")):
        method = {"unet": "unet", "star": "stardist"}[name]
        assert inputs[f"segment_test_{method}"].startswith(
            f"results/small/segmentation/{file}, {size.format(name)}, "
        )
    assert not {"train_unet", "tune_unet", "train_stardist"} & set(inputs)


def test_stardist_is_trained_where_no_model_is_given(annotated):
    learning = {"training": {"steps": 4, "patch_size": 32}}
    annotated.write(annotated_config(engines={"star": {"method": "stardist", **learning}}))
    planned = annotated.planned()
    assert planned["train_stardist"] == planned["segment_test_stardist"] == 1


@pytest.mark.skipif(
    importlib.util.find_spec("cellpose") is not None, reason="Cellpose is installed here"
)
def test_packages_that_are_missing_are_named_before_anything_runs(annotated):
    annotated.write(annotated_config(engines={"pose": {"method": "cellpose"}}))
    code, output = annotated.snakemake(check=False)
    assert code != 0
    assert "not installed, but needed for this run: cellpose. Run with --sdm conda" in output
    assert "uv pip install cellpose" in output
    assert not (annotated.folder / "results").exists()


@pytest.mark.skipif(
    importlib.util.find_spec("stardist") is None, reason="StarDist is not installed here"
)
def test_stardist_is_trained_scored_and_given_to_another_run(annotated):
    learning = {"training": {"steps": 4, "patch_size": 32}}
    config = annotated_config(engines={"star": {"method": "stardist", **learning}})
    annotated.write(config)
    annotated.snakemake()
    summary = annotated.summary()
    assert summary["segmentation"]["star"]["n_images"] == 2
    assert {"stardist", "csbdeep", "tf-keras"} <= set(summary["environment"]["versions"])
    assert summary["environment"]["backend"] == "tensorflow"
    trained = annotated.folder / "results/small/segmentation/star.stardist.zip"
    given = annotated.folder / "star"
    with zipfile.ZipFile(trained) as archive:
        archive.extractall(given)
    annotated.write(annotated_config(engines={"star": {"method": "stardist", "model": "star"}}))
    annotated.snakemake()
    assert annotated.planned() == {}
    (given / "thresholds.json").write_text('{"prob": 0.9, "nms": 0.3}')
    assert annotated.planned()["segment_test_stardist"] == 1


def test_the_files_of_a_given_model_are_inputs_and_published_names_are_none(annotated):
    (annotated.folder / "star").mkdir()
    for name in ("config.json", "weights_best.h5"):
        (annotated.folder / "star" / name).touch()
    (annotated.folder / "weights").touch()
    engines = {
        "star": {"method": "stardist", "model": "star"},
        "published": {"method": "stardist", "model": "2D_versatile_fluo"},
        "cells": {"method": "cellpose", "model": "weights"},
    }
    annotated.write(annotated_config(engines=engines))
    _, output = annotated.snakemake("-n")
    inputs = re.findall(r"rule segment_test_\w+:\s*input: (.*)results/small/segm\S+h5, ", output)
    assert sorted(inputs) == ["", "star/config.json, star/weights_best.h5, ", "weights, "]
    engines["star"]["model"] = "elsewhere/star"
    annotated.write(annotated_config(engines=engines))
    code, output = annotated.snakemake("-n", check=False)
    assert code != 0
    assert "elsewhere/star" in output


def test_a_mask_of_another_size_is_named(annotated):
    tifffile.imwrite(annotated.folder / "3_mask.tif", np.ones((32, 64), np.uint16))
    annotated.write(annotated_config())
    code, output = annotated.snakemake(check=False)
    assert code != 0
    assert "3_mask.tif" in output
    assert "64" in output
    assert "32" in output
    assert not list((annotated.folder / "results/small").rglob("*.h5"))


def test_a_training_set_without_objects_is_an_error(annotated):
    for k in range(4):
        tifffile.imwrite(annotated.folder / f"{k}_mask.tif", np.zeros((64, 64), np.uint16))
    annotated.write(annotated_config())
    code, output = annotated.snakemake(check=False)
    assert code != 0
    assert "none of the 4 training images has an object" in output


def cells_config(small_config, engines, **changes):
    config = copy.deepcopy(small_config)
    config["simulate"].update({"mechanisms": 2, "doses": 2, "image_size": 128, **changes})
    config["segmentation"] = {"channels": ["DNA"], "objects": "Nuclei", "engines": engines}
    return config


def engines(engine):
    return {"channels": ["DNA"], "objects": "Nuclei", "engines": {"classical": engine}}


def test_single_cells_are_classified(project, small_config):
    engine = {"method": "classical", "diameter": "auto"}
    config = cells_config(small_config, {"classical": engine}, plates=2)
    config["units"] = {"cells": {"crop": 32, "per_site": 6}}
    project.write(config)
    project.snakemake()
    results = project.folder / "results/small"
    units = pd.read_parquet(results / "units.parquet")
    assert units["site_id"].value_counts().max() == 6
    score = project.summary()["classification"]["lite0"]
    assert score["unit"] == "cell"
    assert score["n"] > score["by_well"]["n"] > score["by_treatment"]["n"]
    cells = pd.read_parquet(results / "cells/Batch1_P1.parquet")
    assert {"plate", "well", "site", "flagged", "Nuclei_AreaShape_Area"} <= set(cells)
    counts = pd.read_parquet(results / "cell_counts.parquet")
    assert counts["count"].sum() >= len(cells)
    page = (results / "report.html").read_text()
    assert "cells-counts" in page
    assert "cells-samples" in page
    found = project.summary()["cells"]
    assert found["objects"] == counts["count"].sum()
    measured = json.loads((results / "segmentation/classical.screen.size.json").read_text())
    assert found["expected_diameter"] == measured["diameter"] == pytest.approx(24, abs=6)
    assert set(found["plates"]) == set(counts["plate"])
    for name, rule in (
        ("cells/Batch1_P1.parquet", "measure_cells"),
        ("labels/Batch1_P1.ozx", "segment_plate"),
        ("cell_counts.parquet", "collect_cells"),
        ("predictions/lite0.parquet", "fit_head"),
    ):
        file = results / name
        content, times = file.read_bytes(), file.stat()
        file.unlink()
        assert project.planned()[rule] == 1  # what was deleted is made again
        file.write_bytes(content)
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert project.planned() == {}
    for options, reruns in (
        ({"quality": {"focus_z": 9.0}}, {"measure_cells", "collect_cells", "prepare"}),
        ({"segmentation": engines({**engine, "min_area": 9})}, {"segment_plate", "measure_cells"}),
        ({"segmentation": engines({**engine, "diameter": 15})}, {"segment_plate"}),
        ({"segmentation": engines({**engine, "threshold": "local"})}, {"segment_plate"}),
    ):
        project.write({**config, **options})
        planned = set(project.planned())
        assert reruns <= planned
        assert ("segment_plate" in planned) == ("segment_plate" in reruns)
    config["segmentation"]["labelled_plates"] = True
    project.write(config)
    assert project.planned() == {"label_plate": 2, "report": 1}
    project.snakemake("results/small/labelled_plates/Batch1_P1.ozx")
    with zipfile.ZipFile(results / "labelled_plates/Batch1_P1.ozx") as archive:
        images = [name for name in archive.namelist() if name.endswith("/c/0/0/0")]
    labels = [name for name in images if "/labels/Nuclei/" in name]
    assert len(images) == 2 * len(labels) > 0


def test_cells_of_images_without_plates_are_classified(project):
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:96, :96]
    for label, radius in (("small", 5), ("large", 9)):
        folder = project.folder / "images" / label
        folder.mkdir(parents=True)
        for number in range(8):
            image = np.full((96, 96), 100.0)
            for place in rng.choice(9, 5, replace=False):
                cy, cx = 16 + 32 * (place // 3), 16 + 32 * (place % 3)
                image[(y - cy) ** 2 + (x - cx) ** 2 < radius**2] = 900
            tifffile.imwrite(folder / f"{number}.tif", rng.poisson(image).astype(np.uint16))
    project.write(
        {
            "run": "small",
            "input": {"format": "classes", "images": "images", "channels": {"DNA": 0}},
            "segmentation": {"engines": {"classical": {"method": "classical", "diameter": 14}}},
            "units": {"cells": {"crop": 32, "per_site": 5}},
            "splits": {
                "folds": {
                    **{"method": "group-k-fold", "group": ["image"], "folds": 2},
                    "audit": {"images": False},  # discs of one size are nearly identical
                }
            },
            "models": {"hand": {"split": "folds", "features": ["hand-crafted"]}},
            "evaluation": {"permutations": 200},
        }
    )
    project.snakemake()
    summary = project.summary()
    assert summary["cells"]["objects"] == 80
    assert summary["classification"]["hand"]["accuracy"]["value"] > 0.9
    page = (project.folder / "results/small/report.html").read_text()
    assert "found 80 nuclei in 16 images" in page
    assert "Images to check" in page
    assert "Objects per site in the wells" not in page


def test_a_unet_learns_on_some_plates_of_a_screen_and_segments_others(project, small_config):
    small = {"plates": 3, "batches": 1, "doses": 1, "controls_per_plate": 2}
    small["bad_wells_per_plate"] = 0
    config = cells_config(small_config, {"unet": TINY}, **small)
    config["input"]["columns"] = {"mask": "mask"}
    config["models"], config["splits"] = {}, {}
    project.write(config)
    planned = project.planned()
    assert planned["annotate_sites"] == planned["train_unet"] == planned["segment_test_unet"] == 1
    assert planned["segment_plate"] == 3
    results = project.folder / "results/small"
    project.snakemake("results/small/segmentation/unet.scores.json")
    sites = pd.read_parquet(results / "segmentation/annotated.parquet")
    sets = sites.groupby("set")["plate"].unique().map(list).to_dict()
    assert sets == {
        **{"train": ["Batch1_P1"], "validation": ["Batch1_P2"], "test": ["Batch1_P3"]},
    }
    scores = json.loads((results / "segmentation/unet.scores.json").read_text())
    assert scores["n_images"] == (sites["set"] == "test").sum()

    # The trained network, on a screen whose masks are not known.
    model = "results/small/segmentation/unet.keras"
    given = {"method": "unet", "model": model, "diameter": "auto"}
    del config["input"]["columns"]
    config["run"] = "other"
    config["segmentation"]["engines"] = {"unet": given}
    project.write(config)
    planned = project.planned()
    assert planned["segment_plate"] == 3
    assert planned["measure_size_unet"] == 1
    assert not {"train_unet", "tune_unet", "annotate_sites", "score_engine"} & set(planned)
    project.snakemake("results/other/cells/Batch1_P1.parquet")
    cells = pd.read_parquet(project.folder / "results/other/cells/Batch1_P1.parquet")
    assert "Nuclei_AreaShape_Area" in cells
    sizes = json.loads(
        (project.folder / "results/other/segmentation/unet.screen.size.json").read_text()
    )
    assert trained_size(project.folder / model).diameter == pytest.approx(
        sizes["factor"] * sizes["diameter"]
    )
    config["segmentation"]["channels"] = ["Actin"]
    project.write(config)
    code, output = project.snakemake("results/other/models.json", check=False)
    assert code != 0
    assert "segmentation.engines.unet: " in output
    assert "the model was trained on DNA; the images have Actin" in output
    assert "channel_map: {DNA: Actin}" in output
    config["segmentation"]["engines"]["unet"]["channel_map"] = {"DNA": "Actin"}
    project.write(config)
    project.snakemake("results/other/models.json", "results/other/cells/Batch1_P1.parquet")
