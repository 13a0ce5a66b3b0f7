"""Cells of a simulated field: their traits, places and outlines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moascope.simulation.noise import draw_smooth_noise
from moascope.simulation.phenotypes import HEALTHY, Treatment

SMALLEST_NUCLEUS = 8  # pixels


@dataclass(frozen=True)
class Cells:
    """Traits of the cells of a field, one value per cell; coordinates in pixels."""

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


def grow_cells(treatment: Treatment, density: float, size: int, rng: np.random.Generator) -> Cells:
    """Draw the cells of a field: their places, and how strongly each shows the phenotype."""
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
    """Draw places of cells in loose islands, and push overlapping ones apart."""
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
    """Maps of cells and nuclei of a field; each map is (size, size)."""

    cells: Cells
    noise: Noise
    cell: np.ndarray  # int, 0 none, else 1 + row of cells
    depth: np.ndarray  # 0 at the cell's centre, 1 at its outline
    nucleus: np.ndarray  # int, 0 none, else 1 + row of owner
    nuclear_depth: np.ndarray  # 0 at the nucleus' centre, 1 at its outline
    owner: np.ndarray  # int, (nuclei,), row of cells

    def of_cell(self, values: np.ndarray) -> np.ndarray:
        """Assign one value per cell to the pixels of the cells."""
        return np.concatenate([[0], values]).astype(np.float32)[self.cell]

    def of_nucleus(self, values: np.ndarray) -> np.ndarray:
        """Assign one value per nucleus to the pixels of the nuclei."""
        return np.concatenate([[0], values]).astype(np.float32)[self.nucleus]

    def from_centre(self) -> tuple[np.ndarray, np.ndarray]:
        """Compute the distance of each pixel from the centre of its cell, in y and x."""
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


def lay_out(cells: Cells, size: int, rng: np.random.Generator) -> Scene:
    """Assign every pixel to a cell and, where there is one, to a nucleus."""
    noise = Noise(
        broad=draw_smooth_noise(size, 16.0, rng),
        coarse=draw_smooth_noise(size, 9.0, rng),
        medium=draw_smooth_noise(size, 3.0, rng),
        small=draw_smooth_noise(size, 2.0, rng),
        fine=draw_smooth_noise(size, 1.1, rng),
    )
    warp = 2.2 * np.stack([draw_smooth_noise(size, 7.0, rng), draw_smooth_noise(size, 7.0, rng)])
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
    """Assign each pixel to the shape in which it lies deepest.

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
    """Compute the position of pixels between centre (0) and outline (1) of their shape."""

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
