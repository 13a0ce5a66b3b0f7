"""What the leakage audit finds of planted copies, what it reports besides, and what it costs.

    PYTHONPATH=workflow python tests/benchmarks/bench_audit.py results/RUN [results/RUN ...]
    PYTHONPATH=workflow python tests/benchmarks/bench_audit.py --scale 100000

For every finished run, 40 units are manipulated in each way and added to all units. A pair that was
not planted counts as false if its units are of different fields.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter, rotate, shift
from skimage.transform import resize

from moascope.splits.image_leakage import UnitImages, adjacent_crops, near_duplicates, reduce_images
from moascope.splits.image_overlaps import find_overlaps
from moascope.splits.options import Audit

PLANTED = 40
OPTIONS = Audit()

Generator = np.random.Generator
Manipulation = Callable[[np.ndarray, np.ndarray, Generator], tuple[np.ndarray, np.ndarray]]


def moved(image: np.ndarray, distance: float, generator: Generator) -> np.ndarray:
    """Move in one of eight directions; what comes into view is reflected content."""
    step = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if y or x][generator.integers(8)]
    return shift(image, (distance * step[0], distance * step[1], 0), order=1, mode="reflect")


def resized(image: np.ndarray, side: int) -> np.ndarray:
    smaller = side < image.shape[0]
    return resize(image, (side, side), order=1, anti_aliasing=smaller, preserve_range=True)


def cropped(image: np.ndarray, share: float, generator: Generator) -> np.ndarray:
    """Cut out a part at a random place and enlarge it to the size of the whole."""
    side = round(image.shape[0] * share)
    y, x = generator.integers(0, image.shape[0] - side + 1, 2)
    return resized(image[y : y + side, x : x + side], image.shape[0])


def noisy(image: np.ndarray, strength: float, generator: Generator) -> np.ndarray:
    return image + generator.normal(0, strength, image.shape)


def downscaled(image: np.ndarray, generator: Generator) -> np.ndarray:
    """Image again at 0.8 of the magnification; what comes into view is reflected content."""
    side = round(image.shape[0] * 0.8)
    before = (image.shape[0] - side) // 2
    after = image.shape[0] - side - before
    small = resized(moved(image, 3, generator), side)
    whole = np.pad(small, ((before, after), (before, after), (0, 0)), mode="reflect")
    return noisy(whole, 0.02, generator)


def replaced(image: np.ndarray, other: np.ndarray, generator: Generator) -> np.ndarray:
    copy, channel = image.copy(), generator.integers(image.shape[-1])
    copy[..., channel] = other[..., channel]
    return copy


def strips(image: np.ndarray, generator: Generator) -> tuple[np.ndarray, np.ndarray]:
    """Cut two crops out of one image, side by side, that have 40 % in common."""
    side = int(image.shape[0] / 1.6)
    y = generator.integers(0, image.shape[0] - side + 1)
    one, other = image[y : y + side, :side], image[y : y + side, -side:]
    if generator.random() < 0.5:
        one, other = one.swapaxes(0, 1), other.swapaxes(0, 1)
    return one, other


def corners(image: np.ndarray, generator: Generator) -> tuple[np.ndarray, np.ndarray]:
    """Cut two crops out of opposite corners of one image that have 40 % in common."""
    side = int(image.shape[0] / (2 - np.sqrt(0.4)))
    if generator.random() < 0.5:
        return image[:side, :side], image[-side:, -side:]
    return image[:side, -side:], image[-side:, :side]


def turned(image: np.ndarray, generator: Generator) -> np.ndarray:
    return np.rot90(image, generator.integers(1, 4))


MANIPULATIONS: dict[str, Manipulation] = {
    "copy": lambda a, _, g: (a, a),
    "gain": lambda a, _, g: (a, 0.7 * a + 0.05),
    "gamma 0.5": lambda a, _, g: (a, np.sqrt(a)),
    "noise": lambda a, _, g: (a, noisy(a, 0.03, g)),
    "blur": lambda a, _, g: (a, gaussian_filter(a, (1, 1, 0))),
    **{
        f"shift {pixels} px": lambda a, _, g, pixels=pixels: (a, moved(a, pixels, g))
        for pixels in (2, 4, 8, 16)
    },
    "turn 2 degrees": lambda a, _, g: (
        a,
        rotate(a, g.choice([-2, 2]), axes=(0, 1), reshape=False, order=1, mode="reflect"),
    ),
    "crop 90 %": lambda a, _, g: (a, cropped(a, 0.9, g)),
    "re-imaged": lambda a, _, g: (a, noisy(0.8 * moved(a, 3, g), 0.02, g)),
    "re-imaged, 0.8 magnification": lambda a, _, g: (a, downscaled(a, g)),
    "channel replaced": lambda a, other, g: (a, replaced(a, other, g)),
    "overlap 40 %, strips": lambda a, _, g: strips(a, g),
    "overlap 40 %, corners": lambda a, _, g: corners(a, g),
    "mirrored": lambda a, _, g: (a, a[:, ::-1]),
    "turned": lambda a, _, g: (a, turned(a, g)),
    "mirrored, shift 8 px": lambda a, _, g: (a, moved(a[:, ::-1], 8, g)),
    "turned, re-imaged": lambda a, _, g: (a, noisy(0.8 * moved(turned(a, g), 3, g), 0.02, g)),
}


def find(images: UnitImages) -> set[tuple[int, int]]:
    """Return the pairs that either search finds."""
    pairs = [
        near_duplicates(images.thumbnails, OPTIONS.min_correlation, OPTIONS.orientations),
        find_overlaps(images.details, OPTIONS.min_overlap_correlation, OPTIONS.orientations, 2),
    ]
    found = pd.concat(pairs)
    return set(zip(found["a"].tolist(), found["b"].tolist(), strict=True))


def join(*parts: UnitImages) -> UnitImages:
    return UnitImages(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("thumbnails", "edges", "details")
        )
    )


def plant(run: Path) -> None:
    """Plant and search for manipulated units in a finished run, and print the counts."""
    units = pd.read_parquet(run / "units.parquet")
    stores = [run / "units/pixels" / f"{plate}.npy" for plate in units["plate"].unique()]
    pixels = np.concatenate([np.load(store) for store in stores])
    images = reduce_images(stores)
    n = len(units)
    field = units["field"].to_numpy()
    chosen = np.random.default_rng(0).permutation(n)[:PLANTED]
    unplanted = find(images)
    false = {(a, b) for a, b in unplanted if field[a] != field[b]}
    related = len(unplanted) - len(false)
    print(f"{run.name}: {n} units, {related} related pairs, false {sorted(false)}", flush=True)
    for name, manipulate in MANIPULATIONS.items():
        generator = np.random.default_rng(1)
        pairs = [
            manipulate(
                pixels[row].astype(np.float32),
                pixels[(row + n // 2) % n].astype(np.float32),
                generator,
            )
            for row in chosen
        ]
        one, other = (
            reduce_images([np.clip(np.stack(part), 0, 1).astype(np.float16)])
            for part in zip(*pairs, strict=True)
        )
        if name.startswith("overlap"):
            whole, first = join(images, one, other), n + np.arange(PLANTED)
        else:
            whole, first = join(images, other), chosen
        second = len(whole.details) - PLANTED + np.arange(PLANTED)
        found = find(whole)
        hits = sum(pair in found for pair in zip(first.tolist(), second.tolist(), strict=True))
        print(f"  {name:30s} {hits} of {PLANTED}", flush=True)


def measure(n: int) -> None:
    """Time the searches with two threads on random pictures, 40 of which are shifted copies."""
    copies = np.pad(random_pictures(500, 0)[:PLANTED], ((0, 0), (8, 0), (0, 0), (0, 0)), "reflect")
    starts = range(0, n - PLANTED, 500)
    pictures = (random_pictures(min(500, n - PLANTED - start), start) for start in starts)
    images = reduce_images(chain(pictures, [copies[:, :64]]))
    plate = np.arange(n) // 2000
    for name, search in (
        ("near-duplicates", lambda: near_duplicates(images.thumbnails, 0.98, True)),
        ("overlaps", lambda: find_overlaps(images.details, 0.92, True, 2)),
        ("adjacent crops, plates of 2,000", lambda: adjacent_crops(images.edges, plate)),
    ):
        start, cpu = time.perf_counter(), time.process_time()
        pairs = search()
        took, used = time.perf_counter() - start, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(
            f"{name}: {n} units, {len(pairs)} pairs, {took:.0f} s, {used:.0f} s CPU, peak memory "
            f"so far {peak:.1f} GB",
            flush=True,
        )


def random_pictures(n: int, seed: int) -> np.ndarray:
    """Draw smooth random pictures of three channels, float32 (n, 64, 64, 3)."""
    noise = np.random.default_rng(seed).standard_normal((n, 64, 64, 3), dtype=np.float32)
    smooth = [
        gaussian_filter(noise[..., channel], (0, sigma, sigma))
        for channel, sigma in enumerate((2.0, 1.5, 2.5))
    ]
    smooth[1] += 0.5 * smooth[0]
    pictures = np.stack([part / part.std() for part in smooth], axis=-1)
    return np.clip(0.2 + 0.15 * np.maximum(pictures, 0) ** 1.5, 0, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="*", type=Path, help="folders of finished runs")
    parser.add_argument("--scale", type=int, help="number of random pictures to time with")
    options = parser.parse_args()
    for run in options.runs:
        plant(run)
    if options.scale:
        measure(options.scale)


if __name__ == "__main__":
    main()
