"""Every path of a run is known with the rules that make it."""

import re
from pathlib import Path

import pytest

from moascope.config import loading
from moascope.core import paths
from moascope.core.paths import Paths, target_of
from moascope.pipeline.inputs.segmentation import EngineInputs
from moascope.segmentation.engines.registry import METHODS

CHECKPOINTS = {"member_checkpoint", "fold_checkpoint", "final_checkpoint"}  # kept by no rule


def made_by_rules(repository):
    """Read from the rules which paths each of them makes."""
    made = {}
    for file in (repository / "workflow/rules").glob("*.smk"):
        text = file.read_text()
        blocks = re.split(r"^\s*(?:rule|checkpoint) ?(?=\w*:\n)", text, flags=re.MULTILINE)[1:]
        for block in blocks:
            name = block.partition(":")[0]
            output = re.search(r"^( *)output:\n(.*?)(?=^\1\w+:)", block, re.MULTILINE | re.DOTALL)
            if name and output:
                made[name] = set(re.findall(r"PATHS\.(\w+)", output[2]))
    return made


def made_by_methods():
    """Return the paths that the rules of each method of segmentation make."""
    config = loading.load({"run": "a", "input": {"format": "simulate", "channels": {"DNA": ""}}})
    run = Paths("a")
    inputs = EngineInputs(config, run, [])
    names = {getattr(run, name): name for name, value in vars(Paths).items() if is_path(value)}
    made = {"engine_size", "engine_history", "fitted_engine"}
    for method in METHODS:
        trained = inputs.trained_files(method) if method.train else {}
        files = [*trained.values(), *inputs.test_files(method).values()]
        made |= {names.get(file, "fitted_engine") for file in files}
    return made


def is_path(value):
    return isinstance(value, property)


def test_the_table_of_outputs_is_that_of_the_rules(repository):
    known = {rule: set(names) for rule, names in paths._OUTPUTS.items()}
    assert known == made_by_rules(repository)


def test_every_path_is_made_by_a_rule():
    names = {name for name, value in vars(Paths).items() if isinstance(value, property)}
    made = {name for names in paths._OUTPUTS.values() for name in names}
    assert names - CHECKPOINTS - made_by_methods() == made


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("results/a/plates/P1.ozx", "ingest"),
        ("/data/run/results/a/plates/P.1 b.ozx", "ingest"),
        (Path("results/a/units/pixels/P1.npy"), "prepare"),
        ("results/a/sites/files/P1.parquet", "divide_sites"),
        ("results/a/units.parquet", "collect_units"),
        ("results/a/splits/loco.groups.parquet", "split"),
        ("results/a/segmentation/nuclei.scores.json", "score_engine"),
        ("results/a/folds/lenet/0.keras", "train_fold"),
    ],
)
def test_the_rule_of_a_file_is_found(path, target):
    assert target_of(path) == target


@pytest.mark.parametrize(
    "path",
    [
        "results/a/predictions/lenet.parquet",
        "results/a/segmentation/annotated.h5",
        "results/a/segmentation/nuclei.keras",
        "results/a/segmentation/nuclei.json",
        "results/a/segmentation/nuclei.0.keras",
        "results/a/segmentation/nuclei.0.device.json",
        "results/a/segmentation/nuclei.of-a-new-engine.zip",
        "results/a/models/lenet.keras",
        "results/a/segmentation/nuclei.labels.h5",
    ],
)
def test_a_file_stands_for_itself_where_the_configuration_decides_on_its_rule(path):
    assert target_of(path) == path


@pytest.mark.parametrize(
    "path",
    ["units.parquet", "results/units.parquet", "sheets/results/a/P1.tif", "a/checkpoints/x/0.npz"],
)
def test_files_that_no_rule_makes_have_no_target(path):
    assert target_of(path) is None


def test_a_checkpoint_has_no_target():
    assert target_of(Paths("a").fold_checkpoint.format(model="x", fold=0)) is None


def test_fitted_engines_have_names_of_their_own():
    fixed = {name for name, value in vars(Paths).items() if is_path(value)} - {"fitted_engine"}
    files = {getattr(Paths("a"), name) for name in fixed}
    endings = [method.model_file for method in METHODS if method.model_file]
    fitted = [Paths("a").fitted_engine.replace("{model}", ending) for ending in endings]
    assert len(set(fitted)) == len(fitted)
    assert not files & set(fitted)
