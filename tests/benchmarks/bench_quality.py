"""Quality of whole plates: sharpness and saturation of a run, and of blurred and clipped copies.

    PYTHONPATH=workflow python tests/benchmarks/bench_quality.py results/RUN [--brightfield BF]

For every plate store of a run: the sharpness of each channel as it is and after Gaussian blur, with
and without new camera noise, and whether the plate fails alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from moascope.images.plate_store import PlateStore
from moascope.preprocessing import plate_quality, quality
from moascope.preprocessing.foreground import noise_level
from moascope.preprocessing.quality_measures.options import Quality

MAX_SITES = 40
OPTIONS = Quality()


class Copy:
    """A plate store over changed pixels."""

    def __init__(self, pixels: np.ndarray, channels: Sequence[str]) -> None:
        self.pixels = pixels
        self.channels = channels
        self.site_ids = [str(number) for number in range(len(pixels))]
        self.shape = pixels.shape[1:]

    def read(self, indices: Sequence[int], /) -> np.ndarray:
        return self.pixels[np.asarray(indices)]

    def batches(self, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in range(0, len(self.pixels), size):
            indices = np.arange(start, min(start + size, len(self.pixels)))
            yield indices, self.read(indices)


def variants(pixels: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the images as they are, blurred by 2, 3 and 5 pixels, and clipped."""
    is_whole = pixels.dtype.kind in "iu"
    ceiling = np.iinfo(pixels.dtype).max if is_whole else np.inf

    def as_before(values: np.ndarray) -> np.ndarray:
        whole = np.clip(np.rint(values), 0, ceiling) if is_whole else values
        return whole.astype(pixels.dtype)

    yield "as it is", pixels
    noise = np.array([[noise_level(image) for image in site] for site in pixels])
    new = np.random.default_rng(0).normal(size=pixels.shape) * noise[..., None, None]
    for sigma in (2, 3, 5):
        soft = gaussian_filter(pixels.astype(np.float32), (0, 0, sigma, sigma))
        yield f"blur {sigma}", as_before(soft)
        yield f"blur {sigma}, noise", as_before(soft + new)
    top = min(ceiling, 4095)
    level = np.maximum(np.quantile(pixels, 0.98, axis=(0, 2, 3), keepdims=True), 1)
    yield "2 % clipped", as_before(np.minimum(pixels * (top / level), top))


def judge(
    pixels: np.ndarray, channels: Sequence[str], brightfield: Sequence[str]
) -> tuple[pd.Series, list[str]]:
    """Return what stands for a plate, and the reasons for which it fails alone."""
    table = quality.flag(quality.measure_plate(Copy(pixels, channels), brightfield), OPTIONS)
    medians = plate_quality.plate_medians(table.assign(plate="P", status="ok"), channels)
    return medians.loc["P"], list(
        plate_quality.judge(medians, channels, OPTIONS, brightfield).get("P", {})
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--brightfield", nargs="*", default=[])
    options = parser.parse_args()
    for path in sorted(options.run.glob("plates/*.ozx")):
        with PlateStore(path) as store:
            step = max(1, len(store.site_ids) // MAX_SITES)
            pixels = store.read(range(0, len(store.site_ids), step))
            channels = list(store.channels)
        for name, changed in variants(pixels):
            found, reasons = judge(changed, channels, options.brightfield)
            sharp = "  ".join(f"{c} {found[f'sharpness:{c}']:6.2f}" for c in channels)
            clipped = max(found[f"saturated:{c}"] for c in channels)
            words = ", ".join(reasons) or "passes"
            print(f"{path.stem:20} {name:15} {sharp}  clipped {clipped:6.2%}  {words}")


if __name__ == "__main__":
    main()
