"""What users take from a run is made again where it was deleted; half-written files go."""

import os
import shutil
import subprocess
import sys

import pytest


@pytest.fixture
def copied(finished, project, small_config):
    """A finished small screen, to be damaged."""
    shutil.copytree(finished.folder, project.folder, dirs_exist_ok=True)
    project.write(small_config)
    return project


def test_deleted_predictions_are_made_again(copied):
    assert copied.planned() == {}
    predictions = copied.folder / "results/small/predictions/lite0.parquet"
    predictions.unlink()
    assert copied.planned()["fit_head"] == 1
    copied.snakemake()
    assert predictions.is_file()


def test_a_damaged_file_is_named_with_the_rule_that_makes_it(copied):
    units = copied.folder / "results/small/units.parquet"
    times = units.stat()
    units.write_bytes(units.read_bytes()[:-100])
    os.utime(units, ns=(times.st_atime_ns, times.st_mtime_ns))
    code, _ = copied.snakemake("--forcerun", "fit_head", check=False)
    assert code != 0
    log = (copied.folder / "logs/small/models/lite0.log").read_text()
    assert "results/small/units.parquet: is damaged, or was not written by MoAscope" in log
    assert "Delete it and run again, or run with --forcerun collect_units." in log


def test_half_written_files_of_killed_jobs_go_at_the_next_start(copied):
    folder = copied.folder / "results/small/features"
    program = "from moascope.core.files import atomic_path; import os, sys\n"
    program += "with atomic_path(sys.argv[1]) as path: path.touch(); os._exit(9)"
    environment = {**os.environ, "PYTHONPATH": str(copied.repository / "workflow")}
    killed = [sys.executable, "-c", program, str(folder / "lite0.npy")]
    assert subprocess.run(killed, env=environment, check=False).returncode == 9
    (leftover,) = folder.glob(".*.partial*")
    (copied.folder / "results/small/report.html").unlink()
    _, output = copied.snakemake("--until", "report")
    assert "removed 1 half-written files of killed jobs, such as " in output
    assert not leftover.exists()
