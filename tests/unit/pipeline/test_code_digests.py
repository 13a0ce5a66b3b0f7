import shutil
from itertools import pairwise

import pytest
from imports import imported_names

from moascope.core.named_functions import module_of
from moascope.pipeline import code_digests
from moascope.pipeline.code_digests import digest_function
from moascope.segmentation.engines.registry import METHODS


@pytest.fixture
def library(tmp_path, monkeypatch, repository):
    """A copy of the library, and a function that computes the digest of a script with it."""
    copy = tmp_path / "moascope"
    shutil.copytree(repository / "workflow/moascope", copy)
    monkeypatch.setattr(code_digests, "LIBRARY", copy)

    def digest(script="screen/ingest.py"):
        return code_digests.digest_scripts(repository / "workflow/scripts")[script]

    yield copy, digest
    monkeypatch.undo()
    digest()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A library of five modules, two of them in packages, and a function that reads imports."""
    copy = tmp_path / "moascope"
    for name in ["a", "b", "parts/__init__", "parts/c", "parts/deep/__init__", "parts/deep/d"]:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / f"{name}.py").write_text("")
    monkeypatch.setattr(code_digests, "LIBRARY", copy)

    def modules(text, file="script.py"):
        place = tmp_path / file
        place.write_text(text)
        code_digests._read.cache_clear()
        code_digests._imports.cache_clear()
        return code_digests.library_modules(place)

    return modules


C = {"moascope.parts", "moascope.parts.c"}
D = {"moascope.parts", "moascope.parts.deep", "moascope.parts.deep.d"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import moascope.a\n", {"moascope.a"}),
        ("import os, moascope.a as first, moascope.b\n", {"moascope.a", "moascope.b"}),
        ("from moascope import a\n", {"moascope.a"}),
        ("from moascope import a as first, b\n", {"moascope.a", "moascope.b"}),
        ("from moascope.a import anything\n", {"moascope.a"}),
        ("from moascope.parts import c\n", C),
        ("from moascope.parts.c import anything\n", C),
        ("from moascope.parts.deep import (\n    d,  # a comment\n    e,\n)\n", D),
        ("from moascope.parts.deep import \\\n    d\n", D),
        ("def f():\n    from moascope.parts import c\n", C),
        ("if True:\n    import moascope.parts.deep.d\n", D),
        ('MODULES = {"c": "moascope.parts.c:function"}\n', C),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from moascope import a\n",
            set(),
        ),
        ("import os\nfrom pathlib import Path\n", set()),
        ("# from moascope import a\n", set()),
        ("from moascope.parts import (  # slow (to import)\n    c,\n)\n", C),
        ("if TYPE_CHECKING:  # a reason\n    from moascope import a\n", set()),
    ],
)
def test_every_form_of_import_is_followed(package, text, expected):
    assert package(text) - {"moascope"} == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from . import d\n", D),
        ("from .. import c\n", C),
        ("from ..c import anything\n", C),
        ("from ...a import anything\n", {"moascope.a"}),
    ],
)
def test_relative_imports_are_followed(package, text, expected):
    found = package(text, "moascope/parts/deep/user.py")
    assert expected <= found <= expected | D | {"moascope"}


def test_imports_are_followed_through_modules(package, tmp_path):
    (tmp_path / "moascope/a.py").write_text("from moascope.parts.deep import d\n")
    (tmp_path / "moascope/parts/deep/d.py").write_text("from moascope import b\n")
    assert {"moascope.a", "moascope.b", *D} <= package("import moascope.a\n")


def test_the_imports_of_scripts_are_those_of_their_syntax_trees(repository):
    scripts = [*(repository / "workflow/scripts").rglob("*.py")]
    assert len(scripts) > 30
    for script in scripts:
        names = {name for name in imported_names(script) if name.startswith("moascope.")}
        modules = {name for name in names if code_digests._file_of(name).is_file()}
        assert modules
        assert modules <= code_digests.library_modules(script), script


def test_editing_a_module_behind_a_script_changes_its_digest(library):
    copy, digest = library
    found = [digest()]
    for module in ["core/files.py", "images/plate_store.py", "images/__init__.py"]:
        with (copy / module).open("a") as file:
            file.write("\nEXTRA = 1\n")
        found.append(digest())
    assert all(before != after for before, after in pairwise(found))


@pytest.mark.parametrize(
    "module",
    [
        "report/page.py",
        "core/paths.py",
        "pipeline/devices.py",
        "pipeline/job.py",
        "pipeline/job_logs.py",
        "core/text/plate_words.py",
    ],
)
def test_editing_what_decides_no_result_changes_nothing(library, module):
    copy, digest = library
    before = digest()
    with (copy / module).open("a") as file:
        file.write("\nEXTRA = 1\n")
    assert digest() == before


def functions_of(method):
    functions = [method.load, method.check, method.measure, method.train, method.tune]
    return [function for function in functions if function]


def functions_of_methods():
    return [function for method in METHODS for function in functions_of(method)]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_segmentation_does_not_depend_on_splits_or_other_methods(method):
    own = {module_of(function) for function in functions_of(method)}
    implementations = {module_of(other) for other in functions_of_methods()}
    for implementation in own:
        modules = code_digests.library_modules(code_digests._file_of(implementation))
        assert not {name for name in modules if name.startswith("moascope.splits.")}
        assert "moascope.simulation.screen" not in modules
        assert modules & implementations <= own


def test_scripts_of_all_engines_depend_on_no_method(repository):
    for script in ["train.py", "tune.py", "segment.py", "measure_size.py"]:
        file = repository / "workflow/scripts/segmentation" / script
        modules = code_digests.library_modules(file)
        assert not modules & {module_of(function) for function in functions_of_methods()}


def test_the_digest_of_a_function_covers_its_module_and_those_behind_it(library):
    copy, digest = library
    found = []
    for module in ["splits/make", "segmentation/implementations/classical", "core/files"]:
        digest()  # forgets what was read
        found.append(digest_function("moascope.segmentation.implementations.classical:load"))
        with (copy / f"{module}.py").open("a") as file:
            file.write("\nEXTRA = 1\n")
    digest()
    found.append(digest_function("moascope.segmentation.implementations.classical:load"))
    assert found[0] == found[1]
    assert len(set(found)) == 3


EVERYWHERE = {"config", "report", "simulation", "pipeline.inputs"}
"""What decides the result of no heavy job."""

UNET, STARDIST = (
    "segmentation.implementations.unet",
    "segmentation.implementations.stardist",
)
DATA_OF_ENGINES = {
    "segmentation.engines.base",
    "segmentation.engines.registry",
    *(f"segmentation.engines.{method.name}" for method in METHODS),
}
LEARNING = {
    *DATA_OF_ENGINES,
    *("classification", "preprocessing", "profiling", "screen", "splits"),
    *("images.plate_store", "images.readers", "images.ome_zarr", "images.sizes", "images.tiff"),
    *("segmentation.data.dataset", "segmentation.data.masks", "segmentation.data.sheet"),
    *("segmentation.image_scale", "segmentation.object_size", "segmentation.parameter_search"),
    *("segmentation.predict", "segmentation.typical_sites", UNET, STARDIST),
}
FINDING = {
    *DATA_OF_ENGINES,
    *("classification", "preprocessing", "profiling", "screen", "splits"),
    *("images.readers", "images.sizes", "images.tiff"),
    *("segmentation.data.dataset", "segmentation.data.masks", "segmentation.data.patches"),
    *("segmentation.schedule", "segmentation.unet.training", f"{UNET}_training"),
    *(f"{STARDIST}_training", f"{UNET}_tuning", f"{STARDIST}_tuning"),
}
NETWORKS = {"images", "preprocessing", "screen", "segmentation", "splits.make", "splits.options"}
INDEPENDENT = {
    "screen/ingest.py": {
        *(
            "classification",
            "networks",
            "segmentation",
            "splits",
            "screen.formats",
            "screen.plates",
        ),
        *("preprocessing.normalization", "preprocessing.normalization_methods"),
        *("preprocessing.options", "preprocessing.units"),
    },
    "preprocessing/prepare.py": {
        *("classification", "networks", "segmentation", "splits", "screen"),
        *("images.ingest", "images.readers", "images.tiff"),
    },
    "preprocessing/collect_units.py": {"classification", "screen", "splits", "images.readers"},
    "classification/features.py": {*NETWORKS, "splits", "classification.heads"},
    "classification/train_fold.py": {
        *NETWORKS,
        *("classification.final_model", "classification.heads.calibration"),
        *("classification.heads.fitting", "classification.heads.registry", "splits.groups"),
    },
    "classification/fit_keras_head.py": {*NETWORKS, "classification.heads.registry"},
    "classification/fit_head.py": {*NETWORKS - {"screen", "splits.options"}, "screen.formats"},
    "classification/baselines.py": {"segmentation", "images", "networks", "screen.formats"},
    "segmentation/train.py": LEARNING,
    f"{UNET}_training": LEARNING,
    f"{STARDIST}_training": LEARNING,
    "segmentation/tune.py": FINDING,
    "segmentation/measure_size.py": {*FINDING, "images.plate_store"},
    "segmentation/segment.py": {*FINDING, "segmentation.matching"},
    UNET: {*FINDING, "segmentation.matching", "segmentation.parameter_search"},
    STARDIST: {*FINDING, "segmentation.matching", "segmentation.parameter_search"},
    "segmentation.implementations.classical": FINDING,
    "segmentation.implementations.cellpose": {*FINDING, "images.plate_store"},
    "profiling/measure_cells.py": {
        *("classification", "networks", "screen", "splits", "images.readers", "images.ingest"),
        *("preprocessing.normalization", "preprocessing.normalization_methods"),
        *("preprocessing.units", "segmentation.engines", "segmentation.unet"),
    },
}
"""Packages and modules that heavy jobs do not depend on, by script or module."""


@pytest.mark.parametrize("job", INDEPENDENT)
def test_heavy_jobs_do_not_depend_on_what_cannot_change_their_result(repository, job):
    is_script = job.endswith(".py")
    scripts = repository / "workflow/scripts"
    file = scripts / job if is_script else code_digests._file_of(f"moascope.{job}")
    modules = code_digests.library_modules(file) - code_digests.WITHOUT_RESULTS
    places = {name: code_digests._file_of(name) for name in modules}
    found = {name for name, place in places.items() if place.name != "__init__.py"}
    for other in INDEPENDENT[job] | EVERYWHERE:
        name = f"moascope.{other}"
        assert code_digests._file_of(name).is_file(), f"there is no {name} any more"
        assert not {one for one in found if one == name or one.startswith(f"{name}.")}
