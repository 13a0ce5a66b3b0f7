"""The shipped configurations of the whole of BBBC021 are planned from its public tables."""

import pytest
import yaml


@pytest.mark.parametrize(
    ("name", "models"),
    [
        ("bbbc021", ["lite0", "resnet50"]),
        ("bbbc021-kensert", ["resnet50", "inceptionv3", "inception-resnet-v2"]),
    ],
)
def test_a_dry_run_plans_the_whole_screen(name, models, project, repository, shared_data):
    config = yaml.safe_load((repository / f"config/{name}.yaml").read_text())
    tables = shared_data / "bbbc021-metadata"
    (project.folder / "images").mkdir()
    config["input"] |= {
        "root": str(project.folder),
        "sheet": str(tables / "BBBC021_v1_image.csv"),
        "moa_table": str(tables / "BBBC021_v1_moa.csv"),
    }
    assert list(config["models"]) == models
    project.write(config)
    planned = project.planned()
    assert planned["ingest"] == 55
    assert planned["check_models"] == planned["report"] == 1
    assert planned["evaluate"] == len(models)
