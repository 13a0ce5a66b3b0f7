from hashlib import sha256

import pytest
from rule_inputs import build, wildcards

from moascope.config import loading
from moascope.core.errors import InputError
from moascope.pipeline.inputs.screen import (
    ScreenInputs,
    list_images,
    list_plates,
    screen_options,
)

CHANNELS = {"DNA": "DNA", "Phase": "phase"}


def table(sheet, **keys):
    return {"format": "table", "sheet": str(sheet), "channels": CHANNELS, **keys}


def load(section, **sections):
    return loading.load({"run": "small", "input": section, **sections})


@pytest.fixture
def sheet(tmp_path):
    path = tmp_path / "sheet.csv"
    path.write_text("plate,well,site,DNA,phase\nP2,A01,1,a,b\nP1,A01,1,c,d\n")
    return path


def test_plates_come_from_the_sheet_in_order(sheet):
    assert list_plates(load(table(sheet)), None) == ["P1", "P2"]


def test_plates_of_a_simulation_need_no_file():
    section = {"format": "simulate", "channels": CHANNELS}
    config = load(section, simulate={"plates": 3, "batches": 2})
    assert list_plates(config, None) == ["Batch1_P1", "Batch1_P2", "Batch2_P1"]


def test_without_a_screen_there_are_no_plates_and_no_files():
    segmentation = {
        "annotated": {"sheet": "a.csv"},
        "channels": ["DNA"],
        "engines": {"classic": {"method": "classical"}},
    }
    config = load(None, segmentation=segmentation)
    assert list_plates(config, None) == []
    assert list_images(config) == (None, None)


def test_a_sheet_without_plates_is_refused_with_all_its_problems(sheet):
    sheet.write_text("plate,well,site,DNA,phase\n,A01,1,a,b\n,Q99,1,c,d\n")
    with pytest.raises(InputError) as caught:
        list_plates(load(table(sheet)), None)
    assert "Q99" in str(caught.value)
    assert "plate" in str(caught.value)


def test_images_of_a_folder_are_listed_and_others_are_counted(tmp_path):
    for name in ("P1_A01_DNA.tif", "P1_A01_phase.tif", "other.tif"):
        (tmp_path / name).touch()
    pattern = r"(?P<plate>[^_]+)_(?P<well>[^_]+)_(?P<channel>[^_]+)\.tif"
    section = {"format": "folder", "images": str(tmp_path), "pattern": pattern}
    config = load({**section, "channels": CHANNELS})
    files, warning = list_images(config)
    assert [file.path for file in files] == ["P1_A01_DNA.tif", "P1_A01_phase.tif"]
    assert "other.tif" in warning
    assert list_plates(config, files) == ["P1"]


def test_a_sheet_lists_its_images_itself(sheet):
    assert list_images(load(table(sheet))) == (None, None)


def test_the_sheet_is_read_without_options_of_images(sheet):
    section = table(sheet, axes="YX", on_bad_image="quarantine", brightfield=["Phase"])
    options = screen_options(load(section))
    assert options["input"]["on_bad_image"] == "quarantine"
    assert not {"axes", "brightfield", "pixel_size_um", "unit"} & set(options["input"])
    assert not options["labels_required"]


def test_files_of_a_simulation_may_not_be_missing():
    section = {"format": "simulate", "channels": CHANNELS, "on_bad_image": "quarantine"}
    assert screen_options(load(section))["input"]["on_bad_image"] == "error"


def test_models_need_labels():
    models = {"models": {"lite0": {"split": "loco", "channel_mapping": "inflate"}}}
    splits = {"loco": {"method": "leave-one-compound-out"}}
    config = load({"format": "simulate", "channels": CHANNELS}, splits=splits, **models)
    assert screen_options(config)["labels_required"]


def test_headers_are_read_in_parts_of_64_plates():
    plates = [f"P{number:03}" for number in range(130)]
    inputs = build(ScreenInputs, plates=plates)
    assert [len(part) for part in inputs.parts] == [64, 64, 2]
    assert [plate for part in inputs.parts for plate in part] == plates
    files = inputs.files_of_part(wildcards(part="2"))
    assert files == [
        "results/small/sites/files/P128.parquet",
        "results/small/sites/files/P129.parquet",
    ]
    assert len(inputs.headers_of_parts()) == 3


def test_a_simulation_has_one_sheet_per_plate_and_no_digest():
    inputs = build(ScreenInputs)
    assert inputs.sheets() == {
        "sheets": [f"results/small/simulated/{plate}/sheet.csv" for plate in ("P1", "P2", "P3")]
    }
    assert inputs.digest() is None


def test_the_digest_follows_the_content_of_sheets(sheet):
    inputs = build(ScreenInputs, plates=["P1", "P2"], input=table(sheet))
    assert inputs.sheets() == {"sheet": str(sheet)}
    assert inputs.digest() == [sha256(sheet.read_bytes()).hexdigest()]
    before = inputs.digest()
    sheet.write_text(sheet.read_text() + "P3,A01,1,e,f\n")
    assert inputs.digest() != before


def test_brightfield_is_not_fluorescence(sheet):
    inputs = build(ScreenInputs, input=table(sheet, brightfield=["Phase"]))
    assert inputs.channels == ["DNA", "Phase"]
    assert inputs.fluorescence == ["DNA"]


@pytest.mark.parametrize(("mask", "expected"), [("mask", "labels"), (None, None)])
def test_binary_masks_matter_where_engines_learn_from_masks_of_the_screen(mask, expected):
    section = {"format": "simulate", "channels": CHANNELS, "columns": {"mask": mask}}
    engines = {"given": {"method": "stardist", "model": "2D_versatile_fluo"}}
    segmentation = {"engines": engines, "binary_masks": "labels"}
    assert build(ScreenInputs, input=section, segmentation=segmentation).binary_masks() == expected


def test_units_have_a_size_where_sites_are_classified():
    assert build(ScreenInputs).size_of_units() is None
    models = {"lite0": {"split": "loco"}}
    splits = {"loco": {"method": "leave-one-compound-out"}}
    inputs = build(ScreenInputs, models=models, splits=splits, units={"size": 64})
    assert inputs.size_of_units() == {"size": 64, "tiles": [1, 1]}


def test_a_part_of_the_quality_options_flags_sites():
    keys = {"focus_z", "max_saturated", "min_foreground", "intensity_z"}
    assert set(build(ScreenInputs).flagging_options()) == keys
