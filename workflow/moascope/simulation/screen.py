"""A synthetic high-content screen with known truth, for the demo and for tests.

Cells of a field are laid out, given a phenotype by their treatment, drawn as three stains and
photographed by a camera with the faults of a real one. Lengths are in pixels of 0.65 um, the
scale of a 20x objective; stain signal is relative: 1 is what a healthy cell's body shows.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tifffile
from scipy import fft, ndimage

from moascope.core.errors import InputError
from moascope.core.files import atomic_path
from moascope.screen.plates import simulated_plates

log = logging.getLogger(__name__)

CHANNELS = ("DNA", "Actin", "Tubulin")
CONTROL = "DMSO"
PIXEL_SIZE_UM = 0.65
PLATE_ROWS, PLATE_COLUMNS = 8, 12
SMALLEST_NUCLEUS = 8  # pixels
PROBLEMS = ("out-of-focus", "saturated", "empty")


@dataclass(frozen=True)
class Phenotype:
    """What a cell looks like; the defaults are a healthy cell."""

    size: float = 1.0  # radius of the cell, relative
    elongation: float = 1.25  # long over short axis
    spikes: float = 0.16  # protrusions, as a share of the radius
    round_up: float = 0.03  # chance to be rounded, as in mitosis
    arrest: str = "plate"  # chromatin of a rounded cell: plate, ring or clump
    nucleus: float = 1.0  # radius of the nucleus, relative
    lobing: float = 0.05  # irregularity of the nuclear outline, as a share of the radius
    multinucleate: float = 0.03  # chance to have several nuclei
    pieces: int = 2  # how many nuclei a multinucleate cell has at most
    nucleoli: float = 1.0  # contrast of the dark nucleoli
    fibres: float = 1.0  # contrast of the microtubule network
    bundles: float = 0.0  # share of microtubules in thick bundles
    cortex: float = 1.0  # actin at the cell border
    stress: float = 1.0  # actin stress fibres
    puncta: float = 0.0  # actin in clumps
    protein: float = 1.0  # brightness of actin and tubulin
    loss: float = 0.0  # share of cells lost at full effect
    apoptosis: float = 0.01  # chance to be a cell in fragments


HEALTHY = Phenotype()
MECHANISMS: dict[str, tuple[str, Phenotype]] = {
    "Actin disruptors": (
        "ACT",
        Phenotype(
            size=0.85, spikes=0.42, cortex=0.15, stress=0.05, puncta=1.0, multinucleate=0.25,
            loss=0.35,
        ),
    ),
    "Aurora kinase inhibitors": (
        "AUR",
        Phenotype(
            size=1.35, nucleus=1.55, lobing=0.22, multinucleate=0.35, pieces=3, round_up=0.01,
            loss=0.4,
        ),
    ),
    "Eg5 inhibitors": (
        "EG5",
        Phenotype(size=0.9, round_up=0.75, arrest="ring", spikes=0.25, loss=0.45, apoptosis=0.05),
    ),
    "Microtubule destabilizers": (
        "DES",
        Phenotype(
            size=0.85, round_up=0.45, arrest="clump", fibres=0.05, stress=1.6, multinucleate=0.6,
            pieces=4, lobing=0.15, loss=0.5, apoptosis=0.05,
        ),
    ),
    "Microtubule stabilizers": (
        "STA",
        Phenotype(
            size=1.05, bundles=1.0, multinucleate=0.75, pieces=6, lobing=0.12, nucleus=1.1,
            round_up=0.12, arrest="clump", loss=0.4,
        ),
    ),
    "Protein synthesis": (
        "PRO",
        Phenotype(
            size=0.72, nucleus=0.82, nucleoli=0.0, fibres=0.7, protein=0.5, elongation=1.45,
            spikes=0.3, round_up=0.0, loss=0.55,
        ),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Treatment:
    """A compound at one dose, with what is peculiar to the compound."""

    compound: str
    concentration: float  # uM, NaN for the control
    moa: str
    phenotype: Phenotype
    effect: float  # 0 (none) to about 1 (full), grows with dose
    stain: tuple[float, float, float] = (1.0, 1.0, 1.0)  # side effect on brightness per channel


@dataclass(frozen=True)
class Camera:
    """How one plate is photographed; one value per channel in the order of CHANNELS."""

    gain: np.ndarray  # electrons per unit of stain
    background: np.ndarray  # electrons
    vignetting: np.ndarray  # share of light lost in the corners
    centre: np.ndarray  # (2,) optical axis, share of the field
    focus: float  # sd of the blur, pixels
    glow: float = 0.15  # share of light from out of focus planes, as in any widefield image
    offset: float = 100.0  # counts
    counts_per_electron: float = 4.0
    read_noise: float = 3.0  # electrons
    full_scale: int = 65535  # counts


@dataclass(frozen=True)
class Cells:
    """One value per cell of a field; coordinates in pixels."""

    y: np.ndarray
    x: np.ndarray
    radius: np.ndarray
    elongation: np.ndarray
    angle: np.ndarray
    spikes: np.ndarray
    rounded: np.ndarray  # bool
    apoptotic: np.ndarray  # bool
    nucleus: np.ndarray  # radius of the nucleus, pixels
    lobing: np.ndarray
    pieces: np.ndarray  # int, number of nuclei
    nucleoli: np.ndarray
    fibres: np.ndarray
    bundles: np.ndarray
    cortex: np.ndarray
    stress: np.ndarray
    puncta: np.ndarray
    protein: np.ndarray
    arrest: str  # chromatin of the rounded cells, see Phenotype

    def __len__(self) -> int:
        return len(self.y)


# ---------------------------------------------------------------- the screen


def treatments(options: Mapping[str, Any], seed: int = 0) -> list[Treatment]:
    """List the treatments of a simulated screen: mechanisms x compounds x doses.

    Each compound has its own potency, strength, toxicity and side effects on staining and cell
    size, so that a compound never seen in training is a real test of generalisation.

    Parameters
    ----------
    options : mapping
        The section `simulate` of the configuration.
    seed : int
        Seed of the screen; the same on every plate.

    Returns
    -------
    list of Treatment
        Without the control, in the order of `MECHANISMS`, then compound, then dose.
    """
    listed = []
    chosen = list(MECHANISMS.items())[: options["mechanisms"]]
    for m, (moa, (prefix, phenotype)) in enumerate(chosen):
        for c in range(options["compounds"]):
            rng = np.random.default_rng([seed, 1, m, c])
            strength, potency = rng.uniform(0.85, 1.1), 10.0 ** rng.integers(-2, 1)
            stain = np.exp(np.clip(rng.normal(0, 0.35, len(CHANNELS)), -0.5, 0.5))
            own = replace(
                phenotype,
                size=phenotype.size * rng.uniform(0.93, 1.07),
                round_up=min(phenotype.round_up * rng.uniform(0.8, 1.15), 0.95),
                multinucleate=min(phenotype.multinucleate * rng.uniform(0.8, 1.2), 0.95),
                loss=phenotype.loss * rng.uniform(0.3, 1.5),
            )
            for dose, level in enumerate(np.linspace(0.62, 1.0, options["doses"])):
                listed.append(
                    Treatment(
                        compound=f"{prefix}-{c + 1}",
                        concentration=float(f"{potency * (1, 3)[dose % 2] * 10 ** (dose // 2):g}"),
                        moa=moa,
                        phenotype=own,
                        effect=float(strength * (level if options["doses"] > 1 else 1.0)),
                        stain=(float(stain[0]), float(stain[1]), float(stain[2])),
                    )
                )
    return listed


def simulate_plate(
    plate_index: int, options: Mapping[str, Any], folder: Path, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Simulate one plate: draw its sites, write them, and tell what they are.

    Writes `images/{plate}/{well}_s{site}_{channel}.ome.tif` (uint16, one channel each) and
    `masks/{plate}/{well}_s{site}.tif` (uint16, 0 background, one label per nucleus).

    Parameters
    ----------
    plate_index : int
        Which of `plates.simulated_plates`, from 0. Plates do not depend on one another.
    options : mapping
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
    names = simulated_plates(options["plates"], options["batches"])
    if not 0 <= plate_index < len(names):
        raise InputError(f"there is no plate {plate_index}; the screen has {len(names)}, from 0")
    plate = names[plate_index]
    batch = plate.partition("_")[0]
    rng = np.random.default_rng([seed, 2, plate_index])
    layout = _plate_layout(options, seed, rng)
    problems = _planted_problems(options, list(layout), plate_index, rng)
    camera = _plate_camera(seed, int(batch.removeprefix("Batch")), rng)
    rows = []
    for w, (well, treatment) in enumerate(layout.items()):
        well_rng = np.random.default_rng([seed, 3, plate_index, w])
        condition = _well_condition(camera, treatment, problems.get(well, ""), well_rng)
        for site in range(1, options["sites_per_well"] + 1):
            images, mask, facts = simulate_site(
                treatment, condition, options["image_size"], well_rng
            )
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


def _plate_layout(
    options: Mapping[str, Any], seed: int, rng: np.random.Generator
) -> dict[str, Treatment]:
    """Shuffle every treatment and the controls over the wells of one plate."""
    control = Treatment(CONTROL, float("nan"), "", HEALTHY, 0.0)
    content = treatments(options, seed) + [control] * options["controls_per_plate"]
    wells = [f"{'ABCDEFGH'[r]}{c + 1:02d}" for r in range(PLATE_ROWS) for c in range(PLATE_COLUMNS)]
    chosen = rng.permutation(len(wells))[: len(content)]
    placed = {int(place): treatment for place, treatment in zip(chosen, content, strict=True)}
    return {wells[place]: placed[place] for place in sorted(placed)}


def _planted_problems(
    options: Mapping[str, Any], wells: list[str], plate_index: int, rng: np.random.Generator
) -> dict[str, str]:
    """Choose the wells of one plate that go wrong, and how."""
    order = [wells[i] for i in rng.permutation(len(wells))]
    bad = {
        well: PROBLEMS[i % len(PROBLEMS)]
        for i, well in enumerate(order[: options["bad_wells_per_plate"]])
    }
    if options["damaged_file"] and plate_index == 0:
        bad[order[-1]] = "damaged"
    return bad


def _plate_camera(seed: int, batch: int, rng: np.random.Generator) -> Camera:
    """Draw the staining and imaging conditions of one plate around those of its batch."""
    shift = np.random.default_rng([seed, 4, batch])
    n = len(CHANNELS)
    batch_gain = np.exp(shift.normal(0, 0.25, n))
    batch_background = np.exp(shift.normal(0, 0.3, n))
    return Camera(
        gain=np.array([700.0, 800.0, 900.0]) * batch_gain * np.exp(rng.normal(0, 0.15, n)),
        background=np.array([70.0, 90.0, 80.0]) * batch_background * np.exp(rng.normal(0, 0.15, n)),
        vignetting=shift.uniform(0.12, 0.3, n),
        centre=shift.uniform(0.4, 0.6, 2),
        focus=float(shift.uniform(0.65, 0.8)),
    )


@dataclass(frozen=True)
class Condition:
    """One well as the camera meets it."""

    camera: Camera
    density: float  # cells per field relative to a healthy well of usual density
    problem: str


def _well_condition(
    camera: Camera, treatment: Treatment, problem: str, rng: np.random.Generator
) -> Condition:
    """Vary a plate's conditions for one well, and apply what was planted there."""
    n = len(CHANNELS)
    gain = camera.gain * np.exp(rng.normal(0, 0.2, n)) * np.asarray(treatment.stain)
    background = camera.background * np.exp(rng.normal(0, 0.15, n))
    focus = camera.focus * float(np.exp(rng.normal(0, 0.08)))
    density = float(np.exp(np.clip(rng.normal(0, 0.22), -0.5, 0.4)))
    if problem == "out-of-focus":
        focus = float(rng.uniform(6, 8))
    elif problem == "saturated":
        gain = camera.gain * 50
    elif problem == "empty":
        density = 0.0
    return Condition(
        replace(camera, gain=gain, background=background, focus=focus), density, problem
    )


def simulate_site(
    treatment: Treatment, condition: Condition, size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Draw one field of view and photograph it.

    Parameters
    ----------
    treatment : Treatment
        What the cells were given.
    condition : Condition
        How the well is photographed.
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
    cells = _grow(treatment, condition.density, size, rng)
    scene = _lay_out(cells, size, rng)
    stains = np.stack([_stain_dna(scene), _stain_actin(scene, rng), _stain_tubulin(scene, rng)])
    images = _photograph(_defocus_raised(stains, scene), condition.camera, rng)
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


# ---------------------------------------------------------------- cells


def _grow(treatment: Treatment, density: float, size: int, rng: np.random.Generator) -> Cells:
    """Draw the cells of a field: where they sit and how far each shows the phenotype."""
    shown = treatment.phenotype
    margin = 30  # cells beyond the border reach into the field
    side = size + 2 * margin
    crowd = 26 * (side / 256) ** 2 * density * (1 - min(shown.loss * treatment.effect, 0.65))
    n = round(crowd * rng.normal(1, 0.08)) if density > 0 else 0
    # Not every cell responds, and those that do respond to differing degrees.
    responds = rng.random(n) < 0.35 + 0.62 * treatment.effect
    degree = np.clip(treatment.effect * rng.normal(1, 0.2, n), 0, 1.3) * np.where(responds, 1, 0.25)

    def trait(name: str, spread: float = 0.0) -> np.ndarray:
        healthy, full = getattr(HEALTHY, name), getattr(shown, name)
        value = healthy + (full - healthy) * degree
        return np.maximum(value, 0) * np.exp(rng.normal(0, spread, n)) if spread else value

    apoptotic = rng.random(n) < trait("apoptosis")
    rounded = (rng.random(n) < trait("round_up")) & ~apoptotic
    many = (rng.random(n) < trait("multinucleate")) & ~rounded
    pieces = np.where(many, rng.integers(2, max(shown.pieces, 2) + 1, n), 1)
    radius = 27 * trait("size", 0.16)
    radius = np.where(rounded, rng.normal(14, 1.3, n), np.where(apoptotic, 9, radius))
    nucleus = 12.3 * trait("nucleus", 0.09)
    y, x = _settle(n, radius, side, rng)
    return Cells(
        y=y - margin,
        x=x - margin,
        radius=radius,
        elongation=np.where(
            rounded | apoptotic, 1.04, 1 + (trait("elongation") - 1) * rng.gamma(3, 1 / 3, n)
        ),
        angle=rng.uniform(0, np.pi, n),
        spikes=np.where(rounded, 0.025, trait("spikes", 0.25)),
        rounded=rounded,
        apoptotic=apoptotic,
        nucleus=np.minimum(nucleus, 0.62 * radius),
        lobing=trait("lobing", 0.3),
        pieces=np.where(apoptotic, rng.integers(3, 7, n), pieces),
        nucleoli=np.clip(trait("nucleoli", 0.2), 0, 2),
        fibres=np.clip(trait("fibres", 0.2), 0, 2),
        bundles=np.clip(trait("bundles"), 0, 1),
        cortex=np.clip(trait("cortex", 0.3), 0, 3),
        stress=np.clip(0.7 * trait("stress", 0.8), 0, 3),
        puncta=np.clip(trait("puncta", 0.2), 0, 2),
        protein=np.clip(trait("protein"), 0.1, 3) * np.exp(rng.normal(0, 0.18, n)),
        arrest=shown.arrest,
    )


def _settle(
    n: int, radius: np.ndarray, side: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Place cells in loose islands and push apart those that lie on one another."""
    islands = max(1, round(n / 9))
    home = rng.uniform(0, side, (islands, 2))[rng.integers(0, islands, n)]
    place = np.where(
        rng.random((n, 1)) < 0.55, home + rng.normal(0, 38, (n, 2)), rng.uniform(0, side, (n, 2))
    )
    place = np.mod(place, side)
    wanted = 0.8 * (radius[:, None] + radius[None, :])
    for _ in range(12):
        apart = place[:, None] - place[None, :]
        distance = np.hypot(apart[..., 0], apart[..., 1]) + np.eye(n) * 1e6 + 1e-3
        push = np.maximum(wanted - distance, 0) / distance
        place = place + 0.3 * (apart * push[..., None]).sum(axis=1)
    return place[:, 0], place[:, 1]


@dataclass(frozen=True)
class Noise:
    """Smooth noise of unit variance that all structures of a field share, each (size, size)."""

    broad: np.ndarray  # structures of about 16 px
    coarse: np.ndarray  # 9 px
    medium: np.ndarray  # 3 px
    small: np.ndarray  # 2 px
    fine: np.ndarray  # 1 px


@dataclass(frozen=True)
class Scene:
    """Which cell and nucleus each pixel of a field belongs to; maps are (size, size)."""

    cells: Cells
    noise: Noise
    cell: np.ndarray  # int, 0 none, else 1 + row of cells
    depth: np.ndarray  # 0 at the cell's centre, 1 at its outline
    nucleus: np.ndarray  # int, 0 none, else 1 + row of owner
    nuclear_depth: np.ndarray  # 0 at the nucleus' centre, 1 at its outline
    owner: np.ndarray  # int, (nuclei,), row of cells

    def of_cell(self, values: np.ndarray) -> np.ndarray:
        """Spread one value per cell over the pixels of the cells."""
        return np.concatenate([[0], values]).astype(np.float32)[self.cell]

    def of_nucleus(self, values: np.ndarray) -> np.ndarray:
        """Spread one value per nucleus over the pixels of the nuclei."""
        return np.concatenate([[0], values]).astype(np.float32)[self.nucleus]

    def from_centre(self) -> tuple[np.ndarray, np.ndarray]:
        """Tell how far each pixel lies from the centre of its cell, in y and x."""
        grid = np.arange(len(self.cell), dtype=np.float32)
        return grid[:, None] - self.of_cell(self.cells.y), grid - self.of_cell(self.cells.x)


@dataclass(frozen=True)
class Shapes:
    """Irregular ellipses, one value each; lengths in pixels."""

    y: np.ndarray
    x: np.ndarray
    radius: np.ndarray  # of the circle of the same area
    elongation: np.ndarray  # long over short axis
    angle: np.ndarray  # of the long axis
    outline: np.ndarray  # complex, (n, harmonics), from `_outline`
    lift: np.ndarray  # added to the depth where shapes compete: the lowest wins
    softness: np.ndarray  # 0 keeps the shape, 1 lets the field's noise warp it


def _lay_out(cells: Cells, size: int, rng: np.random.Generator) -> Scene:
    """Give every pixel to a cell and, where there is one, to a nucleus."""
    noise = Noise(*(_smooth_noise(size, sd, rng) for sd in (16.0, 9.0, 3.0, 2.0, 1.1)))
    warp = 2.2 * np.stack([_smooth_noise(size, 7.0, rng), _smooth_noise(size, 7.0, rng)])
    warp += 0.7 * np.stack([noise.medium, noise.medium[::-1, ::-1]])
    bodies = Shapes(
        y=cells.y,
        x=cells.x,
        radius=cells.radius,
        elongation=cells.elongation,
        angle=cells.angle,
        outline=cells.spikes[:, None] * _outline(len(cells), 9, 0.9, rng),
        # A rounded cell sits on top of its neighbours and wins the pixels they share.
        lift=np.where(cells.rounded | cells.apoptotic, -1.5, 0.0),
        softness=np.where(cells.rounded, 0.2, 1.0),
    )
    cell, depth = _claim_pixels(bodies, warp, size)
    owner, nuclei = _nuclei(cells, rng)
    nucleus, nuclear_depth = _claim_pixels(nuclei, warp, size)
    # A nucleus lies inside its own cell, and a few pixels at the border are none.
    nucleus[(nucleus > 0) & (np.concatenate([[-1], owner])[nucleus] != cell - 1)] = 0
    area = np.bincount(nucleus.ravel(), minlength=len(owner) + 1)
    nucleus[area[nucleus] < SMALLEST_NUCLEUS] = 0
    return Scene(cells, noise, cell, depth, nucleus, nuclear_depth, owner)


def _nuclei(cells: Cells, rng: np.random.Generator) -> tuple[np.ndarray, Shapes]:
    """Draw the nuclei of all cells; returns the row of each one's cell, and their shapes."""
    owner = np.repeat(np.arange(len(cells)), cells.pieces)
    n = len(owner)
    pieces, rounded, apoptotic = cells.pieces[owner], cells.rounded[owner], cells.apoptotic[owner]
    first = np.concatenate([[0], np.cumsum(cells.pieces)[:-1]]).astype(int) if n else owner
    turn = 2 * np.pi * (np.arange(n) - first[owner]) / np.maximum(pieces, 1) + cells.angle[owner]
    alone = pieces == 1
    radius = cells.nucleus[owner] * np.where(alone, 1.0, 1.12 * pieces**-0.5)
    radius = radius * np.where(alone, 1.0, np.exp(rng.normal(0, 0.18, n)))
    away = np.where(alone, rng.uniform(0, 0.15, n), np.where(pieces == 2, 0.75, 0.95))
    away = away * cells.nucleus[owner]
    scale = {"plate": 0.72, "ring": 0.72, "clump": 0.62}[cells.arrest]
    stretch = {"plate": 2.8, "ring": 1.1, "clump": 1.25}[cells.arrest]
    radius = np.where(rounded, scale * 11.5, np.where(apoptotic, rng.uniform(2, 4, n), radius))
    away = np.where(apoptotic, 5.0, np.where(rounded, 0.0, away))
    elongation = np.where(rounded, stretch, 1 + rng.gamma(3, 0.1, n))
    lobing = np.where(rounded, 0.3 if cells.arrest == "clump" else 0.1, cells.lobing[owner])
    return owner, Shapes(
        y=cells.y[owner] + away * np.sin(turn),
        x=cells.x[owner] + away * np.cos(turn),
        radius=radius,
        elongation=elongation,
        angle=cells.angle[owner] + rng.normal(0, 0.25, n),
        outline=lobing[:, None] * _outline(n, 4, 1.0, rng),
        lift=np.zeros(n),
        softness=np.full(n, 0.25),
    )


def _outline(n: int, order: int, decay: float, rng: np.random.Generator) -> np.ndarray:
    """Draw outlines of unit variance as harmonics 2 to `order`, complex (n, order - 1)."""
    weight = np.arange(2, order + 1.0) ** -decay
    waves = rng.normal(size=(n, order - 1)) + 1j * rng.normal(size=(n, order - 1))
    return waves * weight / np.sqrt((weight**2).sum())


def _claim_pixels(shapes: Shapes, warp: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Give each pixel to the shape in which it lies deepest.

    Parameters
    ----------
    shapes : Shapes
        n shapes, which may reach over the border.
    warp : numpy.ndarray of float, (2, size, size)
        Displacement in y and x by which the field bends soft shapes, in pixels.
    size : int
        Side of the field in pixels.

    Returns
    -------
    label : numpy.ndarray of int, (size, size)
        0 none, else 1 + index of the shape.
    depth : numpy.ndarray of float32, (size, size)
        0 at the centre of the shape, 1 at its outline and outside.
    """
    label = np.zeros(size * size, dtype=np.intp)
    best = np.ones(size * size, dtype=np.float32)
    which, row, column = _pixels_in_reach(shapes, size)
    pixel = row * size + column
    depth = _depth(shapes, which, row, column, warp)
    inside = depth < 1
    which, pixel, depth = which[inside], pixel[inside], depth[inside]
    claim = depth + shapes.lift.astype(np.float32)[which]
    np.minimum.at(best, pixel, claim)
    won = claim == best[pixel]
    label[pixel[won]] = which[won] + 1
    best[pixel[won]] = depth[won]
    return label.reshape(size, size), best.reshape(size, size)


def _pixels_in_reach(shapes: Shapes, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """List the pixels each shape might hold: index of the shape, row and column."""
    protrusion = np.abs(shapes.outline).sum(axis=1)
    reach = shapes.radius * np.sqrt(shapes.elongation) * (1 + 0.5 * protrusion) + 4
    furthest = int(reach.max(initial=0)) + 1
    span = np.arange(-furthest, furthest + 1)
    rows = np.rint(shapes.y).astype(int)[:, None] + span
    columns = np.rint(shapes.x).astype(int)[:, None] + span
    dy, dx = rows - shapes.y[:, None], columns - shapes.x[:, None]
    near = dy[:, :, None] ** 2 + dx[:, None, :] ** 2 < (reach**2)[:, None, None]
    near &= ((rows >= 0) & (rows < size))[:, :, None]
    near &= ((columns >= 0) & (columns < size))[:, None, :]
    which, i, j = np.nonzero(near)
    return which, rows[which, i], columns[which, j]


def _depth(
    shapes: Shapes, which: np.ndarray, row: np.ndarray, column: np.ndarray, warp: np.ndarray
) -> np.ndarray:
    """Tell how far from the centre (0) to the outline (1) of a shape pixels lie."""

    def of(values: np.ndarray) -> np.ndarray:
        return values.astype(np.float32)[which]

    softness = of(shapes.softness)
    dy = row.astype(np.float32) - of(shapes.y) + softness * warp[0, row, column]
    dx = column.astype(np.float32) - of(shapes.x) + softness * warp[1, row, column]
    cos, sin, stretch = of(np.cos(shapes.angle)), of(np.sin(shapes.angle)), shapes.elongation**0.5
    along, across = (cos * dx + sin * dy) / of(stretch), (cos * dy - sin * dx) * of(stretch)
    distance = np.hypot(along, across) + np.float32(1e-6)
    direction = (along + 1j * across).astype(np.complex64) / distance
    wave = np.zeros_like(direction)
    for harmonic in shapes.outline.T.astype(np.complex64)[::-1]:
        wave = (wave + harmonic[which]) * direction
    # The outline starts with the second harmonic; the first would only move the shape.
    radial = (wave * direction).real
    # The square makes protrusions sharper than the bays between them.
    sharpness = of(0.5 / (np.abs(shapes.outline).sum(axis=1) + 1e-6))
    return distance / (of(shapes.radius) * np.maximum(1 + radial + sharpness * radial**2, 0.4))


# ---------------------------------------------------------------- stains


@lru_cache(maxsize=16)
def _low_pass(size: int, sd: float) -> np.ndarray:
    """Make the transfer function that turns white noise into smooth noise of unit variance."""
    squared = fft.fftfreq(size) ** 2
    transfer = np.exp(-2 * (np.pi * sd) ** 2 * (squared[:, None] + squared))
    return (transfer / np.sqrt((transfer**2).mean()))[:, : size // 2 + 1].astype(np.float32)


def _smooth_noise(size: int, sd: float, rng: np.random.Generator) -> np.ndarray:
    """Draw Gaussian noise of unit variance and correlation length `sd` pixels, (size, size)."""
    white = rng.standard_normal((size, size), dtype=np.float32)
    return fft.irfft2(fft.rfft2(white) * _low_pass(size, sd), s=(size, size)).astype(np.float32)


def _filaments(
    angle: np.ndarray, noise: np.ndarray, where: np.ndarray, steps: int = 8
) -> np.ndarray:
    """Smear noise along a field of directions, so that it becomes curved filaments.

    Line integral convolution (Cabral and Leedom 1993) with nearest-neighbour sampling.

    Parameters
    ----------
    angle : numpy.ndarray of float, (size, size)
        Direction at each pixel in radians; only modulo pi matters.
    noise : numpy.ndarray of float, (size, size)
        What is smeared, of zero mean.
    where : numpy.ndarray of bool, (size, size)
        Pixels that are wanted; the others stay 0.
    steps : int
        Steps of two pixels to each side.

    Returns
    -------
    numpy.ndarray of float32, (size, size)
        Unit variance over the wanted pixels.
    """
    size = len(noise)
    dy, dx = (2 * f(angle, dtype=np.float32).ravel() for f in (np.sin, np.cos))
    values = noise.ravel()
    pixels = np.flatnonzero(where)
    row, column = (part.astype(np.float32) + 0.5 for part in np.divmod(pixels, size))
    total = values[pixels]
    for sign in (1, -1):
        step_y, step_x = sign * dy[pixels], sign * dx[pixels]
        y, x = row.copy(), column.copy()
        for step in range(steps):
            np.clip(np.add(y, step_y, out=y), 0, size - 0.5, out=y)
            np.clip(np.add(x, step_x, out=x), 0, size - 0.5, out=x)
            index = y.astype(np.int32) * size + x.astype(np.int32)
            total += values[index]
            if step < steps - 1:
                next_y, next_x = dy[index], dx[index]
                # A direction has no sign: keep going the way we came.
                onward = np.copysign(np.float32(1), next_y * step_y + next_x * step_x)
                step_y, step_x = onward * next_y, onward * next_x
    filaments = np.zeros(size * size, dtype=np.float32)
    filaments[pixels] = total / (total.std() + 1e-6) if len(pixels) else 0
    return filaments.reshape(size, size)


def _body(scene: Scene) -> np.ndarray:
    """Tell how thick the cell is at each pixel: flat cells about 1, rounded ones more."""
    rounded = scene.of_cell(scene.cells.rounded | scene.cells.apoptotic)
    flat = np.clip((1 - scene.depth) * 5, 0, 1) ** 0.7
    ball = 3.2 * np.sqrt(np.clip(1 - scene.depth**2, 0, 1))
    return np.where(scene.cell > 0, np.where(rounded > 0, ball, flat), 0).astype(np.float32)


def _stain_dna(scene: Scene) -> np.ndarray:
    """Draw chromatin: textured nuclei with dark nucleoli, or condensed chromosomes."""
    cells, noise, owner, depth = scene.cells, scene.noise, scene.owner, scene.nuclear_depth
    rounded = scene.of_nucleus(cells.rounded[owner]) > 0
    apoptotic = scene.of_nucleus(cells.apoptotic[owner]) > 0
    # The same DNA in a larger nucleus is dimmer, if it is not more DNA.
    amount = scene.of_nucleus((cells.nucleus[owner] / 11.5) ** -0.6)
    disc = np.clip((1 - depth) * 5, 0, 1)
    holes = np.clip((noise.small - 0.7) * 1.6, 0, 1) * (depth < 0.85)
    holes *= 0.4 * scene.of_nucleus(cells.nucleoli[owner])
    texture = np.clip(1 + 0.13 * noise.fine + 0.06 * noise.medium - holes, 0.1, None)
    interphase = amount * disc * (1 - 0.2 * depth**2) * texture
    ring = np.exp(-(((depth - 0.68) / 0.24) ** 2)) if cells.arrest == "ring" else disc
    condensed = 2.4 * ring * np.clip(1 + 0.3 * noise.medium, 0, None)
    chromatin = np.where(apoptotic, 3 * disc, np.where(rounded, condensed, interphase))
    return np.where(scene.nucleus > 0, chromatin, 0.015 * _body(scene)).astype(np.float32)


def _stain_actin(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Draw filamentous actin: cortex, ruffles at free edges, stress fibres, clumps."""
    cells, noise, size = scene.cells, scene.noise, len(scene.cell)
    rounded = scene.of_cell(cells.rounded | cells.apoptotic) > 0
    cortex = np.exp(-((_distance_to_border(scene.cell) / 1.6) ** 2))
    cortex *= np.clip(0.9 + 0.5 * noise.medium, 0, None)
    ruffles = np.clip((scene.depth - 0.72) / 0.28, 0, 1) ** 2
    ruffles *= np.clip(0.5 + 0.9 * noise.coarse + 0.4 * noise.fine, 0, None)
    axis = scene.of_cell(cells.angle) + 0.4 * noise.broad
    strands = _filaments(axis, _smooth_noise(size, 0.6, rng), scene.cell > 0)
    stress = np.clip(strands - 0.2, 0, None) ** 1.2 * np.clip(0.7 + 0.5 * noise.coarse, 0, None)
    clumps = 2.2 * np.clip(_smooth_noise(size, 1.5, rng) - 1.2, 0, None)
    clumps *= scene.of_cell(cells.puncta) * np.clip(1.2 - scene.depth, 0.2, None)
    mottle = np.clip(1 + 0.16 * noise.fine + 0.16 * noise.medium + 0.2 * noise.coarse, 0, None)
    flat = (
        0.32 * mottle
        + 0.9 * scene.of_cell(cells.cortex) * (cortex + ruffles)
        + 0.42 * scene.of_cell(cells.stress) * stress
        + 1.5 * clumps
    )
    flat = flat * np.where(scene.nucleus > 0, 0.7, 1.0)
    ball = (0.12 + 0.38 * scene.depth**3) * mottle + clumps
    return _body(scene) * scene.of_cell(cells.protein) * np.where(rounded, ball, flat)


def _stain_tubulin(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Draw microtubules: a network around the nucleus, spindles and asters, bundles or haze."""
    cells, noise, size = scene.cells, scene.noise, len(scene.cell)
    rounded = scene.of_cell(cells.rounded) > 0
    bundles, fibres = scene.of_cell(cells.bundles), scene.of_cell(cells.fibres)
    y, x = scene.from_centre()
    radius, radial = np.hypot(y, x), np.arctan2(y, x)
    nucleus = np.maximum(scene.of_cell(cells.nucleus), 1)
    bundled = (bundles > 0.3) & ~rounded
    present = scene.cell > 0
    thick, thin = _smooth_noise(size, 1.1, rng), _smooth_noise(size, 0.55, rng)
    course = _microtubule_course(scene, radius / nucleus, radial, bundled)
    along = _filaments(np.where(rounded, radial, course), np.where(bundled, thick, thin), present)
    across = _filaments(radial + 0.9 + 0.9 * noise.broad, thin[::-1], present)
    mesh = np.clip(0.3 + 0.75 * along, 0, None) + np.clip(0.2 + 0.75 * across, 0, None)
    ropes = 2.8 * np.clip(along - 0.35, 0, None)
    basket = np.exp(-(((radius - 1.1 * nucleus) / (0.75 * nucleus)) ** 2))
    unpolymerised = 0.5 * (1 - np.clip(fibres, 0, 1)) * (0.8 + 0.2 * noise.medium)
    network = 0.55 * fibres * (0.3 + 0.8 * basket) * ((1 - bundles) * mesh + bundles * ropes)
    flat = 0.2 + 0.3 * basket + unpolymerised + network + 0.6 * bundles * ropes
    flat = flat * np.where(scene.nucleus > 0, 0.6, 1.0)
    aster = 0.15 + fibres * np.exp(-radius / 6) * (0.9 + 1.1 * np.clip(along, -0.8, None))
    ball = np.where(fibres > 0.5, aster, 0.6 + 0.1 * noise.medium)
    return _body(scene) * scene.of_cell(cells.protein) * np.where(rounded, ball, flat)


def _microtubule_course(
    scene: Scene, distance: np.ndarray, radial: np.ndarray, bundled: np.ndarray
) -> np.ndarray:
    """Tell which way microtubules run, in radians.

    Near the nucleus (`distance` 1) they wind around it, farther out they run to the cell border
    (`radial`); bundles follow the long axis of the cell instead.
    """
    wound = np.exp(-(((distance - 1.15) / 0.4) ** 2))
    axis = scene.of_cell(scene.cells.angle) + 0.5 * scene.noise.broad
    outward = np.where(bundled | (distance < 1), axis, radial) + 0.5 * scene.noise.coarse
    # Directions without a sign are averaged as doubled angles; minus turns by a right angle.
    return np.angle((1 - wound) * np.exp(2j * outward) - wound * np.exp(2j * radial)) / 2


def _defocus_raised(stains: np.ndarray, scene: Scene) -> np.ndarray:
    """Blur the cells that stand above the focal plane because they are rounded."""
    raised = scene.of_cell(scene.cells.rounded | scene.cells.apoptotic) > 0
    if not raised.any():
        return stains
    above = np.stack([ndimage.gaussian_filter(stain * raised, 0.8, truncate=3) for stain in stains])
    return np.where(raised, 0, stains) + above


def _distance_to_border(label: np.ndarray) -> np.ndarray:
    """Measure how far each pixel is from the next change of label, in pixels."""
    border = np.zeros(label.shape, dtype=bool)
    border[:-1] |= label[:-1] != label[1:]
    border[:, :-1] |= label[:, :-1] != label[:, 1:]
    if not border.any():
        return np.full(label.shape, np.inf)
    return ndimage.distance_transform_edt(~border)


# ---------------------------------------------------------------- camera and files


def _photograph(stains: np.ndarray, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """Blur, light, and count electrons with shot and read noise; uint16 like `stains`."""
    size = stains.shape[-1]
    grid = np.linspace(0, 1, size, dtype=np.float32)
    off_axis = (grid[:, None] - camera.centre[0]) ** 2 + (grid[None, :] - camera.centre[1]) ** 2
    images = np.empty(stains.shape, dtype=np.uint16)
    for c, stain in enumerate(stains):
        light = 1 - camera.vignetting[c] * off_axis / 0.5
        sharp = ndimage.gaussian_filter(stain.astype(np.float32), camera.focus, truncate=3)
        glow = ndimage.zoom(ndimage.gaussian_filter(sharp[::4, ::4], 2, truncate=2.5), 4, order=1)
        seen = (1 - camera.glow) * sharp + camera.glow * glow[:size, :size]
        electrons = (camera.gain[c] * seen + camera.background[c]) * light
        noisy = rng.poisson(electrons) + rng.normal(0, camera.read_noise, stain.shape)
        counts = camera.offset + camera.counts_per_electron * noisy
        images[c] = np.clip(np.rint(counts), 0, camera.full_scale)
    return images


def _write_site(
    folder: Path, plate: str, name: str, images: np.ndarray, mask: np.ndarray
) -> dict[str, str]:
    """Write one site; returns the paths relative to `folder`, by column of the sheet."""
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
