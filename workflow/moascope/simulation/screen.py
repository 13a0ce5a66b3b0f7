"""Synthetic high-content screen with known truth, for the demo and for tests.

Cells of a field are laid out, given a phenotype by their treatment, drawn as three stains and
photographed by a camera with the faults of a real one. Lengths are in pixels of 0.65 um, the
scale of a 20x objective; stain signal is relative: 1 is what a healthy cell's body shows.
"""

from __future__ import annotations

import logging
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tifffile

from moascope.core.errors import InputError
from moascope.core.files import atomic_path
from moascope.simulation.camera import Condition, draw_camera, photograph, vary_condition
from moascope.simulation.cells import grow_cells, lay_out
from moascope.simulation.options import Simulate
from moascope.simulation.phenotypes import CHANNELS, CONTROL, HEALTHY, Treatment, treatments
from moascope.simulation.plates import name_plates
from moascope.simulation.stains import defocus_raised, stain_actin, stain_dna, stain_tubulin

log = logging.getLogger(__name__)

PIXEL_SIZE_UM = 0.65
PLATE_ROWS, PLATE_COLUMNS = 8, 12
PROBLEMS = ("out-of-focus", "saturated", "empty")


def simulate_plate(
    plate_index: int, options: Simulate, folder: Path, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw the sites of one plate, and write images and masks.

    Writes `images/{plate}/{well}_s{site}_{channel}.ome.tif` (uint16, one channel each) and
    `masks/{plate}/{well}_s{site}.tif` (uint16, 0 background, one label per nucleus).

    Parameters
    ----------
    plate_index : int
        Index into `plates.name_plates`, from 0. Plates do not depend on one another.
    options : Simulate
        The section `simulate` of the configuration.
    folder : path
        Where `images` and `masks` are written.
    seed : int
        Seed of the screen; the same seed gives the same bytes.

    Returns
    -------
    sheet : pandas.DataFrame
        One row per site: plate, well, site, batch, compound, concentration (uM, NaN for
        controls), moa ("" for controls), replicate, DNA, Actin, Tubulin and mask (paths relative
        to `folder`).
    truth : pandas.DataFrame
        One row per site: plate, well, site, compound, concentration, moa, effect, n_cells,
        n_nuclei, n_rounded, focus (pixels), planted_problem, gain:{channel} and
        background:{channel} (electrons).

    Raises
    ------
    InputError
        If there is no such plate.
    """
    names = name_plates(options.plates, options.batches)
    if not 0 <= plate_index < len(names):
        raise InputError(f"there is no plate {plate_index}; the screen has {len(names)}, from 0")
    plate = names[plate_index]
    batch = plate.partition("_")[0]
    rng = np.random.default_rng([seed, 2, plate_index])
    layout = _plate_layout(options, seed, rng)
    problems = _planted_problems(options, list(layout), plate_index, rng)
    camera = draw_camera(seed, int(batch.removeprefix("Batch")), rng)
    rows = []
    for w, (well, treatment) in enumerate(layout.items()):
        well_rng = np.random.default_rng([seed, 3, plate_index, w])
        condition = vary_condition(camera, treatment, problems.get(well, ""), well_rng)
        for site in range(1, options.sites_per_well + 1):
            images, mask, facts = simulate_site(treatment, condition, options.image_size, well_rng)
            paths = _write_site(Path(folder), plate, f"{well}_s{site}", images, mask)
            rows.append(
                {
                    "plate": plate,
                    "well": well,
                    "site": str(site),
                    "batch": batch,
                    "compound": treatment.compound,
                    "concentration": treatment.concentration,
                    "moa": treatment.moa,
                    "replicate": plate_index + 1,
                    **paths,
                    **facts,
                }
            )
    table = pd.DataFrame(rows)
    damaged = table.index[table["planted_problem"] == "damaged"]
    table.loc[damaged[1:], "planted_problem"] = ""
    for name in table.loc[damaged[:1], CHANNELS[-1]]:
        _truncate(Path(folder) / name)
    log.info("simulated plate %s: %d sites in %s", plate, len(table), folder)
    keys = ["plate", "well", "site", "compound", "concentration", "moa"]
    sheet = table[[*keys[:3], "batch", *keys[3:], "replicate", *CHANNELS, "mask"]]
    truth = table[keys + [name for name in table if name not in set(sheet)]]
    return sheet.copy(), truth.copy()


def _plate_layout(options: Simulate, seed: int, rng: np.random.Generator) -> dict[str, Treatment]:
    """Assign every treatment and the controls to random wells of one plate."""
    control = Treatment(CONTROL, float("nan"), "", HEALTHY, 0.0)
    content = treatments(options, seed) + [control] * options.controls_per_plate
    wells = [f"{'ABCDEFGH'[r]}{c + 1:02d}" for r in range(PLATE_ROWS) for c in range(PLATE_COLUMNS)]
    chosen = rng.permutation(len(wells))[: len(content)]
    placed = {int(place): treatment for place, treatment in zip(chosen, content, strict=True)}
    return {wells[place]: placed[place] for place in sorted(placed)}


def _planted_problems(
    options: Simulate, wells: list[str], plate_index: int, rng: np.random.Generator
) -> dict[str, str]:
    """Choose the wells of one plate with planted problems."""
    order = [wells[i] for i in rng.permutation(len(wells))]
    bad = {
        well: PROBLEMS[i % len(PROBLEMS)]
        for i, well in enumerate(order[: options.bad_wells_per_plate])
    }
    if options.damaged_file and plate_index == 0:
        bad[order[-1]] = "damaged"
    return bad


def simulate_site(
    treatment: Treatment, condition: Condition, size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Draw one field of view and photograph it.

    Parameters
    ----------
    treatment : Treatment
        Treatment of the cells.
    condition : Condition
        Imaging conditions of the well.
    size : int
        Side of the field in pixels.
    rng : numpy.random.Generator
        The well's own source of randomness.

    Returns
    -------
    images : numpy.ndarray of uint16, (3, size, size)
        In the order of `CHANNELS`.
    mask : numpy.ndarray of uint16, (size, size)
        0 background, 1 to n one label per nucleus.
    facts : dict
        The site's part of the truth table.
    """
    cells = grow_cells(treatment, condition.density, size, rng)
    scene = lay_out(cells, size, rng)
    stains = np.stack([stain_dna(scene), stain_actin(scene, rng), stain_tubulin(scene, rng)])
    images = photograph(defocus_raised(stains, scene), condition.camera, rng)
    kept = np.unique(scene.nucleus[scene.nucleus > 0])
    mask = np.where(scene.nucleus > 0, np.searchsorted(kept, scene.nucleus) + 1, 0)
    seen = np.unique(scene.owner[kept - 1])
    camera = condition.camera
    facts = {
        "effect": treatment.effect,
        "n_cells": len(seen),
        "n_nuclei": len(kept),
        "n_rounded": int(cells.rounded[seen].sum()),
        "planted_problem": condition.problem,
        "focus": camera.focus,
    }
    for c, name in enumerate(CHANNELS):
        facts |= {f"gain:{name}": camera.gain[c], f"background:{name}": camera.background[c]}
    return images, mask.astype(np.uint16), facts


def _write_site(
    folder: Path, plate: str, name: str, images: np.ndarray, mask: np.ndarray
) -> dict[str, str]:
    """Write one site, and return the paths relative to `folder` by column of the sheet."""
    paths = {channel: f"images/{plate}/{name}_{channel}.ome.tif" for channel in CHANNELS} | {
        "mask": f"masks/{plate}/{name}.tif"
    }
    for channel, image in zip(CHANNELS, images, strict=True):
        with atomic_path(folder / paths[channel]) as temporary:
            tifffile.imwrite(
                temporary,
                image,
                ome=True,
                compression="zlib",
                photometric="minisblack",
                software="MoAscope",
                metadata={
                    "axes": "YX",
                    "Channel": {"Name": [channel]},
                    "PhysicalSizeX": PIXEL_SIZE_UM,
                    "PhysicalSizeXUnit": "µm",
                    "PhysicalSizeY": PIXEL_SIZE_UM,
                    "PhysicalSizeYUnit": "µm",
                    # A fixed identifier, or the same seed would not give the same bytes.
                    "UUID": str(uuid.uuid5(uuid.NAMESPACE_URL, paths[channel])),
                },
            )
    with atomic_path(folder / paths["mask"]) as temporary:
        tifffile.imwrite(temporary, mask, compression="zlib", software="MoAscope", metadata=None)
    return paths


def _truncate(path: Path) -> None:
    """Cut a file in the middle, as an interrupted copy does."""
    content = path.read_bytes()
    with atomic_path(path) as temporary:
        temporary.write_bytes(content[: len(content) // 3])
