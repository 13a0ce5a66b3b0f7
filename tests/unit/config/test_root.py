import subprocess
import sys

import pytest
import yaml
from pydantic import ValidationError
from raw_configs import MINIMAL, problems

from moascope.config import loading


def test_a_minimal_file_gets_every_default():
    loaded = loading.load(MINIMAL)
    assert loaded.seed == 1
    assert loaded.section("quality")["exclude_flagged"] is True
    assert loaded.models == {}


def test_units_of_a_fixed_list_may_calibrate(tmp_path):
    head = {"type": "lda", "calibrate": True}
    model = {"split": "f", "channel_mapping": "inflate", "head": head}
    splits = {"f": {"method": "fixed", "file": "folds.csv"}}
    assert loading.load({**MINIMAL, "splits": splits, "models": {"m": model}}).models["m"]


def test_two_channels_cannot_be_mapped_to_a_triple():
    changed = {
        **MINIMAL,
        "splits": {"loco": {"method": "leave-one-compound-out"}},
        "models": {"m": {"split": "loco"}},
    }
    assert "'rgb' needs three channels, the input has 2" in problems(changed)


def test_a_missing_key_is_named():
    assert "input.channels: this key is required" in problems(
        {"run": "x", "input": {"format": "table", "sheet": "s"}}
    )


UNET = {"engines": {"unet": {"method": "unet"}}}


ANNOTATED = {"sheet": "s.csv", "image": "{id}.png", "mask": "{id}_mask.png"}


def test_without_a_screen_there_must_be_annotated_images():
    assert "input: this key is required (or segmentation.annotated)" in problems({"run": "x"})
    assert "segmentation.engines: name at least one engine" in problems(
        {"run": "x", "segmentation": {"channels": ["DNA"], "annotated": ANNOTATED}}
    )
    alone = {"run": "x", "segmentation": {"channels": ["DNA"], "annotated": ANNOTATED, **UNET}}
    assert loading.load(alone).input is None
    splits = {"loco": {"method": "leave-one-compound-out"}}
    assert "splits: there is nothing to classify" in problems({**alone, "splits": splits})


def test_every_shipped_config_is_valid(repository):
    files = sorted((repository / "config").glob("*.yaml"))
    assert len(files) >= 6
    for file in files:
        loading.load(yaml.safe_load(file.read_text()), file.name)


def test_reading_the_config_does_not_import_tensorflow():
    code = "import sys, moascope.config.root; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_configuration_never_changes():
    config = loading.load(MINIMAL)
    with pytest.raises(ValidationError, match="frozen"):
        config.seed = 2
    with pytest.raises(ValidationError, match="frozen"):
        config.quality.focus_z = 1.0
