"""Whole runs on a small simulated screen."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

# Whoever names a run must not be able to run a script where its report is read.
HOSTILE_TITLE = (
    "Small </script><script>owned(1)</script> `run <javascript:owned(2)>`__ <!--<script>"
)

SMALL = {
    "run": "small",
    "seed": 3,
    "input": {
        "format": "simulate",
        "channels": {"DNA": "DNA", "Actin": "Actin", "Tubulin": "Tubulin"},
    },
    "simulate": {"plates": 2, "batches": 2, "image_size": 96, "controls_per_plate": 6},
    "splits": {"loco": {"method": "leave-one-compound-out"}},
    "models": {
        "lite0": {"split": "loco", "feature_layers": ["block4_add"], "views": 1},
    },
    "evaluation": {"permutations": 200},
    "report": {"title": HOSTILE_TITLE},
}


class Project:
    """A working directory with a config, in which the workflow is run."""

    def __init__(self, repository, folder):
        self.repository = repository
        self.folder = Path(folder)
        self.file = self.folder / "config.yaml"

    def write(self, config):
        self.file.write_text(yaml.safe_dump(config, sort_keys=False))

    def snakemake(self, *arguments, snakefile=None, check=True):
        command = [
            *(sys.executable, "-m", "snakemake"),
            *("--snakefile", str(snakefile or self.repository / "Snakefile")),
            *("--directory", str(self.folder), "--configfile", str(self.file)),
            *("--cores", "2", *arguments),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        output = done.stdout + done.stderr
        if check and done.returncode:
            raise AssertionError(output[-6000:])
        return done.returncode, output

    def summary(self):
        """Read what the small screen came to."""
        return json.loads((self.folder / "results/small/summary.json").read_text())

    def planned(self, *arguments, **options):
        """Give the rules that would run now, with the number of jobs of each."""
        _, output = self.snakemake("-n", *arguments, **options)
        table = output.partition("Job stats:")[2]
        counts = re.findall(r"^(\w+)\s+(\d+)\s*$", table, re.MULTILINE)
        return {rule: int(count) for rule, count in counts if rule not in ("total", "all")}


@pytest.fixture(scope="session")
def small_config():
    return SMALL


@pytest.fixture(scope="session")
def finished(repository, tmp_path_factory, small_config):
    """A small screen, run to the end once; tests leave what was made as it is."""
    project = Project(repository, tmp_path_factory.mktemp("small"))
    project.write(small_config)
    project.snakemake()
    return project


@pytest.fixture(scope="session")
def new_project(repository, tmp_path_factory):
    """Return a function that makes an empty project for tests that share a run."""
    return lambda name: Project(repository, tmp_path_factory.mktemp(name))


@pytest.fixture
def project(repository, tmp_path):
    return Project(repository, tmp_path)
