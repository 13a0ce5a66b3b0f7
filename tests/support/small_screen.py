"""The smallest screen with every kind of job, and how it is run."""

import json
import subprocess
import sys
from pathlib import Path

import yaml

FROZEN = {"split": "loco", "feature_layers": ["block2_add"], "views": 1}
SCREEN = {
    "run": "tiny",
    "seed": 3,
    "input": {
        "format": "simulate",
        "channels": {"DNA": "DNA", "Actin": "Actin", "Tubulin": "Tubulin"},
    },
    "simulate": {"plates": 1, "batches": 1, "image_size": 96, "mechanisms": 2, "doses": 2},
    "splits": {"loco": {"method": "leave-one-compound-out"}},
    "models": {"first": FROZEN, "second": {**FROZEN, "feature_layers": ["block4_add"]}},
    "evaluation": {"permutations": 200},
}


class Screen:
    """A working directory with the config of a small screen."""

    def __init__(self, repository: Path, folder: Path, config: dict) -> None:
        self.repository = repository
        self.folder = folder
        self.config = config
        self.results = folder / "results" / config["run"]

    def run(self, *arguments: str, environment: dict[str, str] | None = None) -> tuple[int, str]:
        """Run the workflow as a user does, from the root of the project."""
        file = self.folder / "config.yaml"
        file.write_text(yaml.safe_dump(self.config, sort_keys=False))
        command = [
            *(sys.executable, "-m", "snakemake", "--directory", str(self.folder)),
            *("--configfile", str(file), *arguments),
        ]
        done = subprocess.run(
            command,
            cwd=self.repository,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def summary(self) -> dict:
        """Read what the screen came to."""
        return json.loads((self.results / "summary.json").read_text())
