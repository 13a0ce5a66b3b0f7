"""A small screen, run through SLURM with the profile that comes with MoAscope."""

import importlib.util
import os
import re
import shutil

import pytest
import slurm_node
from small_screen import SCREEN, Screen

# No accounting database on one machine, and no minute-long pauses between looks at the queue.
HERE = (
    *("--slurm-status-command", "squeue"),
    *("--slurm-init-seconds-before-status-checks", "2"),
)


@pytest.fixture(scope="module")
def cluster(request, tmp_path_factory):
    """A running SLURM with two pretended GPUs and two partitions."""
    if not request.config.getoption("--slurm"):
        pytest.skip("sets up SLURM on this machine: ask for it with --slurm")
    if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        pytest.skip("needs the executor of SLURM: uv run --extra slurm pytest ...")
    if os.geteuid() != 0:
        pytest.skip("needs root to set up SLURM")
    if not slurm_node.installed():
        if shutil.which("apt-get") is None:
            pytest.skip("needs SLURM, or apt-get to install it")
        slurm_node.install()
    if slurm_node.configured():
        pytest.skip("this machine has a SLURM of its own, which is not touched")
    with slurm_node.SlurmNode(tmp_path_factory.mktemp("slurm")) as node:
        yield node


@pytest.fixture(scope="module")
def profile(repository, tmp_path_factory):
    """A copy of the profile with the partitions filled in, as the README asks for."""
    folder = tmp_path_factory.mktemp("profiles") / "cluster"
    shutil.copytree(repository / "profiles/slurm", folder)
    partitions = folder / "partitions.yaml"
    names = {"your-partition": "main", "your-gpu-partition": "gpu"}
    partitions.write_text(
        re.sub(r"your-\S*partition", lambda it: names[it[0]], partitions.read_text())
    )
    config = folder / "config.yaml"
    switched_on = rf"slurm-partition-config: {partitions}"
    config.write_text(re.sub(r"# slurm-partition-config: \S+", switched_on, config.read_text()))
    return folder


def run(screen, cluster, profile):
    """Run a screen on the cluster; give exit code, output, and the jobs in order of submission."""
    before = {job["JobId"] for job in cluster.jobs()}
    code, output = screen.run("--workflow-profile", str(profile), *HERE)
    jobs = [job for job in cluster.jobs() if job["JobId"] not in before]
    for job in jobs:
        job["rule"] = re.match(r"rule_(\w+?)(?:_wildcards_.*)?$", job["Comment"])[1]
    return code, output, jobs


@pytest.fixture(scope="module")
def finished(repository, cluster, profile, tmp_path_factory):
    screen = Screen(repository, tmp_path_factory.mktemp("finished"), SCREEN)
    code, output, jobs = run(screen, cluster, profile)
    assert code == 0, output[-6000:]
    return screen, output, jobs


def test_a_screen_runs_to_its_end(finished):
    screen, _, _ = finished
    assert (screen.results / "report.html").stat().st_size > 10_000
    assert set(screen.summary()["classification"]) == {"first", "second"}


def test_every_planned_job_ran_under_slurm(finished, cluster):
    _, output, jobs = finished
    table = re.findall(r"^(\w+) +(\d+)$", output.partition("Job stats:")[2], re.MULTILINE)
    # Rules that do no work of their own run where Snakemake runs.
    local = {"total", *re.findall(r"^local(?:rule|checkpoint) (\w+):", output, re.MULTILINE)}
    planned = {rule: int(count) for rule, count in table if rule not in local}
    ran = [job["rule"] for job in jobs]
    # What comes after a checkpoint is planned later, so that there may be more jobs than planned.
    assert planned.items() <= {rule: ran.count(rule) for rule in ran}.items()
    ended = cluster.finished()
    assert {ended[job["JobId"]] for job in jobs} == {"COMPLETED"}


def test_jobs_ask_for_what_rules_and_profile_say(finished):
    _, _, jobs = finished
    by_rule = {job["rule"]: job for job in jobs}
    ingest = by_rule["ingest"]
    assert (ingest["CPUs/Task"], ingest["TimeLimit"]) == ("4", "02:00:00")
    assert ingest["MinMemoryNode"] == "2000M"
    assert (ingest["Partition"], by_rule["features"]["Partition"]) == ("main", "gpu")


def test_jobs_of_networks_ask_for_one_gpu_and_others_for_none(finished):
    _, _, jobs = finished
    asked = {job["rule"] for job in jobs if job.get("TresPerJob") == "gres:gpu:1"}
    assert asked == {"features"}
    assert all(job.get("TresPerJob") is None for job in jobs if job["rule"] not in asked)


def test_gpu_jobs_do_not_wait_for_each_other(finished):
    _, _, jobs = finished
    first, second = (job for job in jobs if job["rule"] == "features")
    assert second["SubmitTime"] < first["EndTime"]


def test_a_failing_job_is_retried_with_more_memory_and_its_message_is_shown(
    repository, cluster, profile, tmp_path
):
    (tmp_path / "sheet.csv").write_text(
        "plate,well,site,compound,concentration,moa,DNA,Actin,Tubulin\n"
        "P1,A01,1,DMSO,,,a.tif,b.tif,c.tif\n"
    )
    config = {**SCREEN, "input": {**SCREEN["input"], "format": "table", "sheet": "sheet.csv"}}
    code, output, jobs = run(Screen(repository, tmp_path, config), cluster, profile)
    assert code != 0
    assert re.search(r"line 2.*a\.tif", output)
    assert {job["rule"] for job in jobs} == {"sites"}
    assert [job["MinMemoryNode"] for job in jobs] == ["4000M", "8000M", "12000M"]
    ended = cluster.finished()
    assert {ended[job["JobId"]] for job in jobs} == {"FAILED"}
