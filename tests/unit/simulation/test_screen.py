"""The synthetic screen: same seed, same bytes; and the truth it tells is what was drawn."""

import hashlib
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest
import tifffile
from scipy import ndimage

from moascope.core.errors import InputError
from moascope.screen.plates import simulated_plates
from moascope.simulation import screen
from moascope.simulation.options import Simulate

WHOLE = Simulate().model_dump()
TINY = {
    **WHOLE,
    **{"plates": 2, "batches": 1, "image_size": 128, "controls_per_plate": 3},
    **{"mechanisms": 2, "compounds": 2, "doses": 2},
}


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
    for name in sheet[[*screen.CHANNELS, "mask"]].to_numpy().ravel():
        assert not name.startswith("/")
        assert (folder / name).is_file()


def test_every_plate_holds_every_treatment_and_the_controls(plate):
    _, sheet, _ = plate
    treated = sheet[sheet["compound"] != screen.CONTROL]
    wanted = {(t.compound, t.concentration, t.moa) for t in screen.treatments(TINY, seed=3)}
    found = list(treated[["compound", "concentration", "moa"]].itertuples(index=False, name=None))
    assert len(found) == len(wanted) == 8
    assert set(found) == wanted
    controls = sheet[sheet["compound"] == screen.CONTROL]
    assert len(controls) == TINY["controls_per_plate"]
    assert (controls["moa"] == "").all()
    assert controls["concentration"].isna().all()


def test_the_whole_screen_has_54_treatments_of_18_compounds():
    listed = screen.treatments(WHOLE)
    assert len({(t.compound, t.concentration) for t in listed}) == 54
    assert len({t.compound for t in listed}) == 18
    assert len({t.moa for t in listed}) == 6


def test_effect_grows_with_dose():
    listed = pd.DataFrame(
        [(t.compound, t.concentration, t.effect) for t in screen.treatments(WHOLE, seed=1)],
        columns=["compound", "concentration", "effect"],
    ).sort_values("concentration")
    assert listed.groupby("compound")["effect"].apply(lambda e: e.is_monotonic_increasing).all()


def test_plate_names_tell_batch_and_plate():
    names = ["Batch1_P1", "Batch1_P2", "Batch2_P1", "Batch2_P2"]
    assert simulated_plates(4, 2) == names


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
    for channel in screen.CHANNELS:
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
        names = sheet.loc[row, list(screen.CHANNELS)]
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
        for channel in screen.CHANNELS:
            assert tifffile.imread(folder / sheet[channel][i]).max() < 65535


def test_damaged_file_cannot_be_read(tmp_path):
    options = TINY | {"damaged_file": True, "bad_wells_per_plate": 0, "sites_per_well": 2}
    sheet, truth = screen.simulate_plate(0, options, tmp_path, seed=0)
    damaged = np.flatnonzero(truth["planted_problem"] == "damaged")
    assert len(damaged) == 1
    with pytest.raises(Exception, match=r".+"):
        tifffile.imread(tmp_path / sheet["Tubulin"][damaged[0]])
    readable = sheet.drop(index=damaged[0])["Tubulin"]
    assert all(tifffile.imread(tmp_path / name).shape == (128, 128) for name in readable)


def test_only_the_first_plate_is_damaged(tmp_path):
    _, truth = screen.simulate_plate(1, TINY | {"damaged_file": True}, tmp_path, seed=0)
    assert "damaged" not in set(truth["planted_problem"])


CONTROL = screen.Treatment(screen.CONTROL, float("nan"), "", screen.HEALTHY, 0.0)


@lru_cache
def drawn(treatment, n_sites):
    """Draw sites of one treatment under the same plain conditions."""
    gain = np.full(3, 500.0)
    camera = screen.Camera(gain, gain / 10, np.zeros(3), np.full(2, 0.5), 0.7)
    condition = screen.Condition(camera, density=1.0, problem="")
    rng = np.random.default_rng(0)
    return [screen.simulate_site(treatment, condition, 160, rng) for _ in range(n_sites)]


def seen(treatment, n_sites):
    """Sum up the facts of such sites."""
    facts = [site[2] for site in drawn(treatment, n_sites)]
    return {key: sum(f[key] for f in facts) for key in ("n_cells", "n_nuclei", "n_rounded")}


def strongest(compound):
    return next(t for t in reversed(screen.treatments(WHOLE, 0)) if t.compound == compound)


def nuclear_area(treatment):
    areas = [np.bincount(mask.ravel())[1:] for _, mask, _ in drawn(treatment, 4)]
    return np.median(np.concatenate(areas))


def brightness(treatment, channel):
    """Signal above the darkest tenth, per cell."""
    index = screen.CHANNELS.index(channel)
    images = np.stack([images[index] for images, _, _ in drawn(treatment, 4)]).astype(float)
    light = (images - np.percentile(images, 10)).clip(0).sum()
    return light / treatment.stain[index] / seen(treatment, 4)["n_cells"]


def fibrous(treatment, channel):
    """Contrast of fine structure to that of cells as a whole."""
    index = screen.CHANNELS.index(channel)
    images = np.stack([images[index] for images, _, _ in drawn(treatment, 4)]).astype(float)
    coarse = ndimage.gaussian_filter(images, (0, 4, 4))
    fine = ndimage.gaussian_filter(images, (0, 1, 1)) - ndimage.gaussian_filter(images, (0, 2, 2))
    return fine.std() / coarse.std()


def test_fewer_cells_survive_a_higher_dose():
    doses = [t for t in screen.treatments(WHOLE, seed=0) if t.compound == "PRO-1"]
    control, low, high = (seen(t, 8)["n_cells"] for t in (CONTROL, doses[0], doses[-1]))
    assert control > low > high


def test_eg5_inhibitors_round_cells_up():
    control, treated = seen(CONTROL, 4), seen(strongest("EG5-1"), 4)
    assert control["n_rounded"] < 0.15 * control["n_cells"]
    assert treated["n_rounded"] > 0.35 * treated["n_cells"]


def test_a_plate_that_is_not_in_the_screen_is_refused(tmp_path):
    with pytest.raises(InputError, match="there is no plate 2; the screen has 2"):
        screen.simulate_plate(2, TINY, tmp_path, seed=0)


def test_smooth_noise_has_unit_variance():
    rng = np.random.default_rng(0)
    fields = np.stack([screen._smooth_noise(128, 2.0, rng) for _ in range(20)])
    assert fields.std() == pytest.approx(1, abs=0.03)


def test_aurora_inhibitors_enlarge_nuclei_and_protein_synthesis_inhibitors_shrink_them():
    control = nuclear_area(CONTROL)
    assert nuclear_area(strongest("AUR-1")) > 1.25 * control
    assert nuclear_area(strongest("PRO-1")) < 0.9 * control


def test_microtubule_drugs_break_up_nuclei():
    def nuclei_per_cell(treatment):
        facts = seen(treatment, 4)
        return facts["n_nuclei"] / facts["n_cells"]

    for compound in ("DES-1", "STA-1"):
        assert nuclei_per_cell(strongest(compound)) > 1.3 * nuclei_per_cell(CONTROL)


def test_destabilizers_dissolve_the_fibres_of_tubulin_and_actin_inhibitors_those_of_actin():
    assert fibrous(strongest("DES-1"), "Tubulin") < 0.8 * fibrous(CONTROL, "Tubulin")
    assert fibrous(strongest("ACT-1"), "Actin") > 1.2 * fibrous(CONTROL, "Actin")  # clumps


def test_without_protein_synthesis_cells_are_dim():
    treated = strongest("PRO-1")
    assert brightness(treated, "Tubulin") < 0.75 * brightness(CONTROL, "Tubulin")


def camera(**changes):
    plain = {"gain": np.full(1, 500.0), "background": np.full(1, 50.0), "focus": 0.7}
    plain |= {"vignetting": np.zeros(1), "centre": np.full(2, 0.5), "read_noise": 0.0}
    return screen.Camera(**(plain | changes))


def photographed(stain, **changes):
    image = screen._photograph(stain[None], camera(**changes), np.random.default_rng(0))[0]
    return (image.astype(float) - 100) / 4  # electrons


def test_the_camera_counts_with_shot_and_read_noise():
    even = np.ones((128, 128), np.float32)
    assert photographed(even).mean() == pytest.approx(550, rel=0.01)
    assert photographed(even).var() == pytest.approx(550, rel=0.05)  # Poisson
    assert photographed(even, read_noise=20.0).var() == pytest.approx(550 + 400, rel=0.05)


def test_corners_are_darker_and_blur_takes_fine_structure_away():
    even = np.ones((128, 128), np.float32)
    shaded = photographed(even, vignetting=np.full(1, 0.3))
    assert shaded[:4, :4].mean() == pytest.approx(0.7 * shaded[60:68, 60:68].mean(), rel=0.06)
    lines = (np.arange(128)[None] // 3 % 2 * np.ones((128, 1))).astype(np.float32)
    assert photographed(lines, focus=4.0).std() < 0.3 * photographed(lines).std()


def test_plates_and_batches_differ_in_light_and_background():
    def conditions(batch, plate):
        made = screen._plate_camera(3, batch, np.random.default_rng(plate))
        return np.log([*made.gain, *made.background])

    within = np.std([conditions(1, plate) for plate in range(40)], axis=0)
    across = np.std([conditions(batch, batch) for batch in range(40)], axis=0)
    assert within.min() > 0.1
    assert (across > 1.3 * within).all()
