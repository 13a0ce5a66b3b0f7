"""Configurations, commands, links and code of README and documentation are valid."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml
from rule_inputs import PLATES as SCREEN_PLATES
from rule_inputs import SIMULATED

from moascope.config import documents, loading
from moascope.core.paths import Paths
from moascope.pipeline.inputs.classification import ModelInputs
from moascope.pipeline.inputs.report import ReportInputs
from moascope.pipeline.inputs.segmentation import EngineInputs
from moascope.screen.idx_files import write_array
from moascope.segmentation.engines.registry import METHODS

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "config/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
NEEDS = {
    "--workflow-profile": ("a cluster", "tests/integration/test_slurm.py"),
    "--sdm": ("conda", "tests/integration/test_conda.py"),
}
"""Options of commands that need more than this machine, and the test that runs them there."""


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of a page, also those that are indented."""
    pattern = rf"^( *)```{language}\n(.*?)^\1```$"
    found = re.findall(pattern, page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(block) for _, block in found]


def commands() -> list[str]:
    """List every command, once."""
    lines = [line for page in PAGES for block in blocks(page, "bash") for line in block.split("\n")]
    lines += re.findall(r"`(uv run [^`]+)`", (ROOT / "CONTRIBUTING.md").read_text())
    parts = [part for line in lines for part in line.partition("  #")[0].split("&&")]
    return sorted({part.strip() for part in parts if part.strip()})


def snakemake_arguments(command: str) -> list[str]:
    words = shlex.split(command)
    return words[words.index("snakemake") + 1 :]


@pytest.fixture(scope="module")
def reader(tmp_path_factory) -> Path:
    """The folder of a reader of the README, with the example sheet and configuration."""
    folder = tmp_path_factory.mktemp("reader")
    readme = (ROOT / "README.md").read_text()
    sheet = re.search(r"```\n( *plate,well.*?)```", readme, re.DOTALL)[1]
    (folder / "plates").mkdir()
    rows = textwrap.dedent(sheet).strip()
    (folder / "plates/sheet.csv").write_text(rows + "\n")
    for path in re.findall(r"P1/\S+?\.tif", rows):
        (folder / "plates" / path).parent.mkdir(exist_ok=True)
        tifffile.imwrite(folder / "plates" / path, np.zeros((64, 64), np.uint16))
    own = yaml.safe_load(blocks(ROOT / "README.md", "yaml")[0])
    demo = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    kept = {key: value for key, value in demo.items() if key not in ("simulate", *own)}
    (folder / "my-screen.yaml").write_text(yaml.safe_dump({**kept, **own}))
    for name, n in (("train", 20), ("validation", 10), ("t10k", 10)):
        digits = folder / "data/mnist"
        digits.mkdir(parents=True, exist_ok=True)
        pixels, classes = np.zeros((n, 28, 28), np.uint8), np.arange(n, dtype=np.uint8) % 10
        write_array(pixels, digits / f"{name}-images-idx3-ubyte.gz")
        write_array(classes, digits / f"{name}-labels-idx1-ubyte.gz")
    shutil.copytree(ROOT / "config", folder / "config")
    shutil.copytree(ROOT / "profiles", folder / "profiles")
    return folder


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page, "yaml")], ids=lambda page: page.stem
)
def test_every_configuration_is_valid(page):
    for block in blocks(page, "yaml"):
        loading.load({"run": "mine", **yaml.safe_load(block)})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page):
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("command", [line for line in commands() if " snakemake " in line])
def test_every_snakemake_command_is_planned(command, reader):
    for option, (need, test) in NEEDS.items():
        if option in command:
            assert (ROOT / test).is_file()
            pytest.skip(f"needs {need}: run by {test}")
    words = snakemake_arguments(command)
    data = Path("/data")  # of the reader, in examples
    if any(str(data) in word for word in words):
        pytest.skip("names a folder of the reader")
    is_plan = "--unlock" not in words
    start = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    environment = {**os.environ, "HOME": str(reader)}
    done = subprocess.run(
        [*start, *words, *(["-n", "--quiet"] if is_plan else [])],
        cwd=reader,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.mark.parametrize("command", [line for line in commands() if " snakemake " not in line])
def test_every_other_command_has_what_it_names(command, tmp_path):
    words = shlex.split(command.replace("*", "?"))
    if "pip" in words or "uvx" in words:
        return
    if "pytest" in words or "--group" in words or "sync" in words:
        project = (ROOT / "pyproject.toml").read_text()
        names = re.findall(r"--(?:group|extra) (\S+)", command)
        assert all(re.search(rf"^{name} = \[", project, re.MULTILINE) for name in names)
    elif "moascope.config" in words:
        page = tmp_path / "docs/reference/configuration.md"
        page.parent.mkdir(parents=True)
        page.write_text(f"# Configuration\n{documents.BEGIN}\n{documents.END}\n")
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow")}
        start = [sys.executable, "-m", "moascope.config"]
        subprocess.run(start, cwd=tmp_path, env=environment, check=True)
        assert documents.key_tables() in page.read_text()
    elif "-m" in words:
        assert find_spec(words[words.index("-m") + 1]) is not None
    elif "python" in words:
        script = next(word for word in words if word.endswith(".py"))
        subprocess.run([sys.executable, ROOT / script, "--help"], check=True, capture_output=True)
    elif words[:2] != ["bash", ".ci/run"]:
        pytest.fail("unknown kind of command: say here how it is tested")
    for path in re.findall(r"tests/\S+", command):
        assert list(ROOT.glob(path)), path


def code_cells() -> list[str]:
    notebook = json.loads((ROOT / "docs/notebooks/results.ipynb").read_text())
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert not any(cell["outputs"] for cell in cells), "clear the outputs before a commit"
    return ["".join(cell["source"]) for cell in cells]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("notebook", "\n".join(code_cells())),
        ("tutorial", "\n".join(blocks(ROOT / "docs/tutorial.md", "python"))),
        ("summary", "\n".join(blocks(ROOT / "docs/reference/summary.md", "python"))),
    ],
)
def test_code_that_opens_results_of_the_demo_runs(name, code):
    if not (ROOT / "results/demo/summary.json").is_file():
        pytest.skip("needs the results of the demo: uv run snakemake --cores 2")
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=120)


def test_the_site_has_every_page(tmp_path):
    if find_spec("mkdocs") is None:
        pytest.skip("needs mkdocs: uv sync --group docs")
    start = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path)]
    subprocess.run(start, cwd=ROOT, check=True)


def figures() -> list[str]:
    """List the figures of a run with a trained model and an engine, named by wildcards."""
    sections = {
        "splits": {"lco": {"method": "leave-one-compound-out"}},
        "models": {
            "net": {"split": "lco", "backbone": "lenet", "weights": "none", "transfer": "full"}
        },
        "segmentation": {
            "annotated": {"sheet": "sheet.csv"},
            "channels": ["DNA"],
            "engines": {"threshold": {"method": "classical"}},
        },
    }
    config = loading.load({**SIMULATED, **sections})
    parts = (config, Paths(config.run), SCREEN_PLATES)
    models, engines = ModelInputs(*parts), EngineInputs(*parts)
    made = ReportInputs(*parts, models, engines).figures()
    names = [path.removeprefix(f"{Paths(config.run).folder()}/") for path in made]
    return [name.replace("lco", "{split}").replace("net", "{model}") for name in names]


def test_every_output_is_in_the_reference():
    run = Paths("{run}")
    names = [name for name, value in vars(Paths).items() if isinstance(value, property)]
    outputs = {getattr(run, name).removeprefix(f"{run.folder()}/") for name in names}
    page = (ROOT / "docs/reference/outputs.md").read_text()
    listed = re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)
    fitted = run.fitted_engine.removeprefix(f"{run.folder()}/")
    models = {
        fitted.replace("{model}", method.model_file) for method in METHODS if method.model_file
    }
    assert sorted(listed) == sorted((outputs - {fitted}) | models | set(figures()))


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 130
