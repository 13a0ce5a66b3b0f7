"""What users read where something is wrong: the message, with little before and after it."""

import copy

import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml


def table_of_images(folder):
    """Write images and a sheet; return the section `input`."""
    rows = ["plate,well,site,compound,concentration,moa,DNA"]
    for number in range(1, 9):
        name = f"images/A0{number}.tif"
        (folder / "images").mkdir(exist_ok=True)
        tifffile.imwrite(folder / name, np.zeros((16, 16), np.uint8))
        rows.append(f"P1,A0{number},1,DMSO,,,{name}")
    (folder / "sheet.csv").write_text("\n".join(rows) + "\n")
    return {"format": "table", "sheet": "sheet.csv", "channels": {"DNA": "DNA"}}


def after(output, start):
    """Return the lines of an output from the last that begins with some words."""
    lines = output.rstrip().splitlines()
    first = max(number for number, line in enumerate(lines) if line.startswith(start))
    return lines[first:]


def test_nothing_follows_the_errors_of_a_configuration(project, small_config):
    project.write({**copy.deepcopy(small_config), "qualty": {}, "seed": "many"})
    code, output = project.snakemake(check=False)
    assert code == 1
    assert after(output, str(project.file)) == [
        f"{project.file}: 2 problems",
        "  - seed: write a whole number; got 'many'",
        "  - qualty: unknown key 'qualty'; did you mean 'quality'?",
    ]
    assert "WorkflowError" not in output


def test_a_section_given_twice_is_an_error(project, small_config):
    project.file.write_text(yaml.safe_dump(small_config) + "report: {title: x}\n")
    code, output = project.snakemake("-n", check=False)
    assert code == 1
    assert "report: is in line" in after(output, str(project.file))[1]


def test_what_stopped_a_job_is_repeated_at_the_end(project):
    section = table_of_images(project.folder)
    (project.folder / "images/A03.tif").unlink()
    project.write({"run": "small", "input": section})
    code, output = project.snakemake("--until", "check_splits", check=False)
    assert code == 1
    end = after(output, "1 job failed.")
    assert end[2] == "sites (log: logs/small/sites.log):"
    assert "A03.tif does not exist; correct the name" in end[4]
    assert "set input.on_bad_image: quarantine" in end[4]
    assert len(end) < 12


def test_missing_images_can_be_quarantined(project):
    section = table_of_images(project.folder)
    (project.folder / "images/A03.tif").unlink()
    project.write({"run": "small", "input": {**section, "on_bad_image": "quarantine"}})
    project.snakemake("results/small/quality.parquet")
    table = pd.read_parquet(project.folder / "results/small/quality.parquet")
    lost = table[table["status"] == "quarantined"]
    assert lost["site_id"].tolist() == ["P1/A03/1"]
    assert lost["reason"].tolist() == ["missing"]


def test_files_that_cannot_be_read_are_refused_before_the_plates_are_read(project):
    section = table_of_images(project.folder)
    for number in range(1, 9):
        (project.folder / f"images/A0{number}.tif").write_bytes(b"ZISRAWFILE" + bytes(64))
    project.write({"run": "small", "input": section})
    code, output = project.snakemake(check=False)
    assert code == 1
    assert "not a TIFF, PNG or JPEG image (it is Zeiss CZI)" in output
    assert not (project.folder / "logs/small/ingest").exists()


def test_rules_that_snakemake_cannot_stop_at_have_targets(project, small_config):
    project.write(small_config)
    code, output = project.snakemake("-n", "--until", "ingest", "train_fold", check=False)
    assert code == 1
    assert after(output, "--until")[1:3] == [
        "  - ingest: Snakemake cannot stop at its jobs, since a checkpoint adds some during the "
        "run; use all_ingest, which runs all of them",
        "  - train_fold: this configuration has no such jobs; name another rule",
    ]
    assert set(project.planned("--until", "check_splits", "check_models")) == {
        *("simulate_plate", "sites", "check_splits", "check_models"),
    }


def test_a_run_stops_behind_the_checkpoint_of_image_sizes(project):
    project.write({"run": "small", "input": table_of_images(project.folder)})
    project.snakemake("--until", "all_ingest")
    results = project.folder / "results/small"
    assert (results / "plates/P1.ozx").is_file()
    assert not (results / "units.parquet").exists()
    assert set(project.planned("--until", "collect_units")) > {"prepare", "collect_units"}


@pytest.mark.parametrize("rule", ["prepare", "split", "features"])
def test_a_run_stops_behind_checkpoints_that_are_done(finished, rule):
    planned = finished.planned("--until", f"all_{rule}", "--forcerun", rule)
    assert set(planned) == {rule, f"all_{rule}"}
