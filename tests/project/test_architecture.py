"""The library is divided into packages, and packages import in one direction only."""

import ast
import graphlib
import re
from pathlib import Path

import pytest
from imports import imported_names

FLOORS = [
    ["core"],
    ["screen"],
    ["images", "simulation", "splits", "networks"],
    ["preprocessing"],
    ["classification", "segmentation"],
    ["profiling"],
    ["report"],
    ["config"],
    ["pipeline"],
]
"""Packages may import from the floors before theirs."""

MOST_FILES = 14
MOST_SCRIPT_LINES = 45
LONG_SCRIPTS = {"train_fold.py", "fit_keras_head.py", "final_network.py"}
"""Scripts that train networks, with many named arguments; no other may be longer."""
MOST_UNTYPED = 20
"""Parameters that are mappings of any values: raw configurations and rule parameters."""


@pytest.fixture(scope="module")
def library(repository: Path) -> Path:
    return repository / "workflow/moascope"


def name_of(file: Path, library: Path) -> str:
    parts = file.relative_to(library.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.fixture(scope="module")
def imports(library: Path) -> dict[str, set[str]]:
    """The modules of the library that each of them imports."""
    modules = {name_of(file, library): file for file in library.rglob("*.py")}
    return {
        name: {other for other in imported_names(file) if other in modules} - {name}
        for name, file in modules.items()
    }


def package_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else None


def upward(imports: dict[str, set[str]]) -> list[str]:
    """List the imports that go up, or aside on a floor that has an order."""
    floor = {package: height for height, names in enumerate(FLOORS) for package in names}
    return [
        f"{name} imports {other}"
        for name, others in imports.items()
        for other in others
        if (own := package_of(name)) and (their := package_of(other)) and own != their
        if floor[their] >= floor[own]
    ]


def test_every_package_has_a_floor(library):
    packages = {folder.name for folder in library.iterdir() if (folder / "__init__.py").is_file()}
    assert packages == {package for floor in FLOORS for package in floor}
    assert {file.name for file in library.glob("*.py")} == {"__init__.py"}


def test_packages_import_in_one_direction(imports):
    assert upward(imports) == []


def test_an_import_in_the_other_direction_is_found(imports):
    planted = {**imports, "moascope.core.errors": {"moascope.screen.wells"}}
    assert upward(planted) == ["moascope.core.errors imports moascope.screen.wells"]


def test_modules_import_without_loops(imports):
    graphlib.TopologicalSorter(imports).prepare()


def test_a_loop_is_found(imports):
    planted = {**imports, "moascope.core.errors": {"moascope.core.files"}}
    with pytest.raises(graphlib.CycleError):
        graphlib.TopologicalSorter(planted).prepare()


def test_folders_hold_few_files(library):
    for folder in {file.parent for file in library.rglob("*.py")}:
        assert len([*folder.glob("*.py")]) <= MOST_FILES, folder


def test_the_library_does_not_import_snakemake(library):
    for file in library.rglob("*.py"):
        names = {name.partition(".")[0] for name in imported_names(file)}
        assert "snakemake" not in names, file


def untyped_parameters(tree: ast.AST) -> list[str]:
    """List the parameters of functions that are mappings with any values."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            found += [
                f"{node.name}({argument.arg})"
                for argument in arguments
                if argument.annotation is not None
                and "Mapping[str, Any]" in ast.unparse(argument.annotation)
            ]
    return found


def test_few_parameters_are_untyped(library):
    found = [
        f"{file.relative_to(library)}: {name}"
        for file in library.rglob("*.py")
        for name in untyped_parameters(ast.parse(file.read_text(encoding="utf-8")))
    ]
    assert len(found) < MOST_UNTYPED, "\n".join(found)


def test_an_untyped_parameter_is_found():
    code = "def read(a: int, *, b: Mapping[str, Any] | None = None) -> None: ..."
    assert untyped_parameters(ast.parse(code)) == ["read(b)"]


def test_options_are_not_read_by_name(repository):
    for file in (repository / "workflow").rglob("*.py"):
        assert not re.search(r"\boptions\[[\"']", file.read_text(encoding="utf-8")), file


def test_scripts_are_short(repository):
    lengths = {
        file.name: len(file.read_text(encoding="utf-8").splitlines())
        for file in (repository / "workflow/scripts").rglob("*.py")
    }
    found = {name for name, n in lengths.items() if n > MOST_SCRIPT_LINES}
    assert found <= LONG_SCRIPTS


def unmirrored(library: Path, tests: Path) -> list[str]:
    """List modules without a test file of their name, and test files without a module."""
    modules = {
        file.relative_to(library).with_suffix("")
        for file in library.rglob("*.py")
        if file.name not in ("__init__.py", "__main__.py")
    }
    tested = {
        file.relative_to(tests).parent / file.stem.removeprefix("test_")
        for file in tests.rglob("test_*.py")
    }
    return [
        *(f"{module} has no test file" for module in sorted(modules - tested)),
        *(f"{test} is no module" for test in sorted(tested - modules)),
    ]


def test_unit_tests_mirror_the_library(library, repository):
    assert unmirrored(library, repository / "tests/unit") == []


def test_a_module_without_tests_and_tests_without_a_module_are_found(tmp_path):
    for name in ("__init__", "__main__", "wells", "plates"):
        (tmp_path / "library/screen").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"library/screen/{name}.py").touch()
    (tmp_path / "tests/screen").mkdir(parents=True)
    (tmp_path / "tests/screen/conftest.py").touch()
    for name in ("screen/test_wells", "screen/test_wels", "test_plates"):
        (tmp_path / f"tests/{name}.py").touch()
    assert unmirrored(tmp_path / "library", tmp_path / "tests") == [
        "screen/plates has no test file",
        "plates is no module",
        "screen/wels is no module",
    ]
