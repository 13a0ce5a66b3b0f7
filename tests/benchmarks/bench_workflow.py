"""What Snakemake itself costs. Run by hand: `uv run python tests/benchmarks/bench_workflow.py`.

- dry run: seconds to plan 384 simulated plates, without and with cells, and the number of jobs,
  beside a bare workflow of three scripts per plate that has no options at all, in turns;
- overhead: wall time of a whole run against the sum of the jobs' own work (their benchmark files).
  Two jobs run side by side on two cores, so the ratio is given against the work per core as well.
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]


def snakemake(*arguments):
    if "--snakefile" not in arguments:
        arguments = ["--snakefile", str(REPOSITORY / "Snakefile"), *arguments]
    command = [sys.executable, "-m", "snakemake", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True)


BARE = """
PLATES = range({plates})

rule all:
    input: expand("c/{{plate}}", plate=PLATES)

rule a:
    output: "a/{{plate}}"
    script: "nothing.py"

rule b:
    input: "a/{{plate}}"
    output: "b/{{plate}}"
    script: "nothing.py"

rule c:
    input: "b/{{plate}}"
    output: "c/{{plate}}"
    script: "nothing.py"
"""


def planned(folder, *arguments):
    """Plan a run; give the seconds and the number of jobs."""
    started = time.perf_counter()
    done = snakemake("--directory", str(folder), *arguments, "-n", "--quiet", "rules")
    seconds = time.perf_counter() - started
    jobs = re.search(r"^total\s+(\d+)", done.stdout + done.stderr, re.MULTILINE)
    return seconds, jobs and int(jobs[1])


def dry_run(plates, repeats=6):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "nothing.py").touch()
        (folder / "Snakefile").write_text(BARE.format(plates=plates))
        variants = {"bare": ["--snakefile", str(folder / "Snakefile")]}
        for cells in ("without cells", "with cells"):
            config = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())
            config["simulate"] = {"plates": plates, "batches": 12}
            if cells == "without cells":
                del config["segmentation"], config["input"]["columns"]["mask"]
            file = folder / f"{cells}.yaml"
            file.write_text(yaml.safe_dump(config))
            variants[cells] = ["--configfile", str(file)]
        runs = {variant: [] for variant in variants}
        for _ in range(repeats):
            for variant, arguments in variants.items():
                runs[variant].append(planned(folder, *arguments))
    bare = statistics.median(seconds for seconds, _ in runs["bare"])
    for variant, times in runs.items():
        seconds = [second for second, _ in times]
        print(
            f"dry run, {plates} plates, {variant}: {min(seconds):.2f} to {max(seconds):.2f} s, "
            f"median {statistics.median(seconds) / bare:.2f} of the bare one, jobs: {times[0][1]}",
            flush=True,
        )


def overhead(configfile, cores):
    with tempfile.TemporaryDirectory() as folder:
        config = yaml.safe_load(Path(configfile).read_text())
        for key in ("root",) if config["input"].get("root") else ("sheet", "images"):
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
    dry_run(options.plates)
    overhead(options.configfile, options.cores)
