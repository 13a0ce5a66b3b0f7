"""After an edit, exactly what depends on it runs again."""

import copy
import shutil

import pytest

# They share one small screen, so they run in one process.
pytestmark = pytest.mark.xdist_group("workflow")


PREPARE = ["prepare", "collect_units"]
SPLIT = ["split", "audit_split"]
CHECK = "check_splits"
SCORE = ["baselines", "evaluate"]
REPORT = ["summary", "report"]


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
    "evaluation.bootstrap": (300, ["evaluate", *REPORT]),
    "models.lite0.head": ({"type": "logistic"}, ["fit_head", "evaluate", *REPORT]),
    "models.lite0.views": (4, ["features", "fit_head", "evaluate", *REPORT]),
    "splits.loco.method": ("group-k-fold", [CHECK, *SPLIT, "fit_head", *SCORE, *REPORT]),
    "quality.focus_z": (5.0, [*PREPARE, *SPLIT, "features", "fit_head", *SCORE, *REPORT]),
    "input.on_bad_image": (
        "quarantine",
        ["ingest", *PREPARE, *SPLIT, "features", "fit_head", *SCORE, *REPORT],
    ),
}


def test_a_finished_run_has_nothing_to_do(finished, small_config):
    finished.write(small_config)
    assert finished.planned() == {}


@pytest.mark.parametrize("key", CASES)
def test_an_edited_key_reruns_what_depends_on_it(finished, small_config, key):
    value, expected = CASES[key]
    finished.write(edited(small_config, key, value))
    assert set(finished.planned()) == set(expected)


def test_a_new_model_leaves_the_old_one_alone(finished, small_config):
    model = {**small_config["models"]["lite0"], "taps": ["block2_add"]}
    finished.write(edited(small_config, "models.second", model))
    planned = finished.planned()
    assert planned["features"] == planned["fit_head"] == planned["evaluate"] == 1
    assert not {"sites", "ingest", *PREPARE, *SPLIT, "baselines"} & set(planned)


@pytest.mark.parametrize(
    ("module", "first", "untouched"),
    [
        ("evaluation.py", "evaluate", ["features", "fit_head", "prepare"]),
        ("stores.py", "ingest", ["simulate_plate", "sites"]),
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
