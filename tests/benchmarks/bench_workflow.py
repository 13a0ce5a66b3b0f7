"""What Snakemake itself costs. Run by hand: `uv run python tests/benchmarks/bench_workflow.py`.

- dry run: seconds to plan 384 simulated plates, without and with cells, and the number of jobs;
- overhead: wall time of a whole run against the sum of the jobs' own work (their benchmark files).
  Two jobs run side by side on two cores, so the ratio is given against the work per core as well.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]


def snakemake(*arguments):
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=True)


def dry_run(plates, *, cells, repeats=6):
    config = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())
    config["simulate"] = {"plates": plates, "batches": 12}
    if not cells:
        del config["segmentation"], config["input"]["columns"]["mask"]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "config.yaml")
        file.write_text(yaml.safe_dump(config))
        seconds = []
        for _ in range(repeats):
            started = time.perf_counter()
            done = snakemake(
                "--directory", folder, "--configfile", str(file), "-n", "--quiet", "rules"
            )
            seconds.append(time.perf_counter() - started)
        jobs = re.search(r"^total\s+(\d+)", done.stdout + done.stderr, re.MULTILINE)
    print(
        f"dry run, {plates} plates, {'with' if cells else 'without'} cells: "
        f"{min(seconds):.2f} to {max(seconds):.2f} s, jobs: {jobs and jobs[1]}",
        flush=True,
    )


def overhead(configfile, cores):
    with tempfile.TemporaryDirectory() as folder:
        config = yaml.safe_load(Path(configfile).read_text())
        for key in ("sheet", "images"):
            if config["input"].get(key):
                config["input"][key] = str(Path(config["input"][key]).resolve())
        file = Path(folder, "config.yaml")
        file.write_text(yaml.safe_dump(config))
        started = time.perf_counter()
        snakemake("--directory", folder, "--configfile", str(file), "--cores", str(cores))
        wall = time.perf_counter() - started
        tables = [pd.read_csv(path, sep="\t") for path in Path(folder).rglob("benchmarks/**/*.tsv")]
    work = pd.concat(tables)["s"].sum()
    print(
        f"whole run of {configfile}: {wall:.1f} s wall, {work:.1f} s in {len(tables)} jobs, "
        f"ratio {wall / work:.2f} ({wall / (work / cores):.2f} of the work per core)"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plates", type=int, default=384)
    parser.add_argument("--configfile", default="config/bbbc021-lab.yaml")
    parser.add_argument("--cores", type=int, default=2)
    options = parser.parse_args()
    for cells in (False, True):
        dry_run(options.plates, cells=cells)
    overhead(options.configfile, options.cores)
