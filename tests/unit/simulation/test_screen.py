"""The synthetic screen: same seed, same bytes; and the truth it tells is what was drawn."""

import hashlib

import numpy as np
import pandas as pd
import pytest
import tifffile

from moascope.core.errors import InputError
from moascope.simulation import phenotypes, screen
from moascope.simulation.options import Simulate
from moascope.simulation.plates import name_plates

TINY = Simulate(
    plates=2,
    batches=1,
    image_size=128,
    controls_per_plate=3,
    mechanisms=2,
    compounds=2,
    doses=2,
)


@pytest.fixture(scope="module")
def plate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("screen")
    sheet, truth = screen.simulate_plate(0, TINY, folder, seed=3)
    return folder, sheet, truth


def digests(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def test_same_seed_gives_the_same_bytes_and_tables(plate, tmp_path):
    folder, sheet, truth = plate
    again = screen.simulate_plate(0, TINY, tmp_path, seed=3)
    assert digests(tmp_path) == digests(folder)
    pd.testing.assert_frame_equal(again[0], sheet)
    pd.testing.assert_frame_equal(again[1], truth)


def test_plates_do_not_depend_on_one_another(plate, tmp_path):
    _, sheet, truth = plate
    screen.simulate_plate(1, TINY, tmp_path, seed=3)
    after_other = screen.simulate_plate(0, TINY, tmp_path, seed=3)
    pd.testing.assert_frame_equal(after_other[0], sheet)
    pd.testing.assert_frame_equal(after_other[1], truth)


def test_another_seed_gives_another_layout(plate, tmp_path):
    _, sheet, _ = plate
    other, _ = screen.simulate_plate(0, TINY, tmp_path, seed=4)
    assert (
        other[["well", "compound"]].values.tolist() != sheet[["well", "compound"]].values.tolist()
    )


def test_no_partial_file_is_left(plate):
    folder, sheet, _ = plate
    assert len(digests(folder)) == 4 * len(sheet)
    assert not list(folder.rglob("*partial*"))


def test_sheet_has_the_documented_columns(plate):
    _, sheet, truth = plate
    assert list(sheet) == [
        *("plate", "well", "site", "batch", "compound", "concentration", "moa", "replicate"),
        *("DNA", "Actin", "Tubulin", "mask"),
    ]
    assert {
        "n_cells",
        "n_nuclei",
        "effect",
        "planted_problem",
        "gain:DNA",
        "background:DNA",
    } <= set(truth)
    assert sheet["well"].str.fullmatch("[A-H](0[1-9]|1[0-2])").all()
    assert not sheet.duplicated(["plate", "well", "site"]).any()


def test_paths_are_relative_and_exist(plate):
    folder, sheet, _ = plate
    for name in sheet[[*phenotypes.CHANNELS, "mask"]].to_numpy().ravel():
        assert not name.startswith("/")
        assert (folder / name).is_file()


def test_every_plate_holds_every_treatment_and_the_controls(plate):
    _, sheet, _ = plate
    treated = sheet[sheet["compound"] != phenotypes.CONTROL]
    wanted = {(t.compound, t.concentration, t.moa) for t in phenotypes.treatments(TINY, seed=3)}
    found = list(treated[["compound", "concentration", "moa"]].itertuples(index=False, name=None))
    assert len(found) == len(wanted) == 8
    assert set(found) == wanted
    controls = sheet[sheet["compound"] == phenotypes.CONTROL]
    assert len(controls) == TINY.controls_per_plate
    assert (controls["moa"] == "").all()
    assert controls["concentration"].isna().all()


def test_plate_names_tell_batch_and_plate():
    names = ["Batch1_P1", "Batch1_P2", "Batch2_P1", "Batch2_P2"]
    assert name_plates(4, 2) == names


def test_mask_labels_are_the_nuclei_of_the_truth_table(plate):
    folder, sheet, truth = plate
    for name, n_nuclei, n_cells in zip(
        sheet["mask"], truth["n_nuclei"], truth["n_cells"], strict=True
    ):
        mask = tifffile.imread(folder / name)
        assert mask.dtype == np.uint16
        assert mask.shape == (128, 128)
        assert np.array_equal(np.unique(mask[mask > 0]), np.arange(1, n_nuclei + 1))
        assert n_cells <= n_nuclei


def test_nuclei_are_brighter_in_the_dna_channel_than_their_surroundings(plate):
    folder, sheet, truth = plate
    for i in np.flatnonzero(truth["planted_problem"] == ""):
        mask = tifffile.imread(folder / sheet["mask"][i])
        if mask.any():
            image = tifffile.imread(folder / sheet["DNA"][i]).astype(float)
            assert image[mask > 0].mean() > 1.7 * image[mask == 0].mean()


def test_images_are_16_bit_ome_tiff_with_channel_name_and_pixel_size(plate):
    folder, sheet, _ = plate
    for channel in phenotypes.CHANNELS:
        with tifffile.TiffFile(folder / sheet[channel][0]) as tiff:
            assert tiff.is_ome
            assert tiff.series[0].axes == "YX"
            assert tiff.series[0].dtype == np.uint16
            pixels = tifffile.xml2dict(tiff.ome_metadata)["OME"]["Image"]["Pixels"]
            assert pixels["Channel"]["Name"] == channel
            assert pixels["PhysicalSizeX"] == pytest.approx(0.65)
            assert pixels["PhysicalSizeXUnit"] == "µm"


def test_each_planted_problem_shows_in_the_image(plate):
    folder, sheet, truth = plate
    assert sorted(truth.loc[truth["planted_problem"] != "", "planted_problem"]) == [
        "empty",
        "out-of-focus",
        "saturated",
    ]

    def pixels(problem):
        row = truth.index[truth["planted_problem"] == problem][0]
        names = sheet.loc[row, list(phenotypes.CHANNELS)]
        return np.stack([tifffile.imread(folder / name) for name in names]).astype(float), row

    saturated, _ = pixels("saturated")
    assert (saturated == 65535).mean(axis=(1, 2)).max() > 0.02
    empty, row = pixels("empty")
    assert truth["n_cells"][row] == 0
    assert (empty.std(axis=(1, 2)) < 0.2 * empty.mean(axis=(1, 2))).all()
    _, row = pixels("out-of-focus")
    assert truth["focus"][row] > 5 * truth["focus"].median()


def test_healthy_sites_do_not_saturate(plate):
    folder, sheet, truth = plate
    for i in np.flatnonzero(truth["planted_problem"] == ""):
        for channel in phenotypes.CHANNELS:
            assert tifffile.imread(folder / sheet[channel][i]).max() < 65535


def test_damaged_file_cannot_be_read(tmp_path):
    options = TINY.model_copy(
        update={"damaged_file": True, "bad_wells_per_plate": 0, "sites_per_well": 2}
    )
    sheet, truth = screen.simulate_plate(0, options, tmp_path, seed=0)
    damaged = np.flatnonzero(truth["planted_problem"] == "damaged")
    assert len(damaged) == 1
    with pytest.raises(Exception, match=r".+"):
        tifffile.imread(tmp_path / sheet["Tubulin"][damaged[0]])
    readable = sheet.drop(index=damaged[0])["Tubulin"]
    assert all(tifffile.imread(tmp_path / name).shape == (128, 128) for name in readable)


def test_only_the_first_plate_is_damaged(tmp_path):
    _, truth = screen.simulate_plate(
        1, TINY.model_copy(update={"damaged_file": True}), tmp_path, seed=0
    )
    assert "damaged" not in set(truth["planted_problem"])


def test_a_plate_that_is_not_in_the_screen_is_refused(tmp_path):
    with pytest.raises(InputError, match="there is no plate 2; the screen has 2"):
        screen.simulate_plate(2, TINY, tmp_path, seed=0)
