"""Ingest against a bare loop that only reads and decodes the same files, with as many threads.

Run by hand: ``python tests/benchmarks/bench_ingest.py``. Each case is timed three times, the loop
and the ingest in turn, and the best of each counts. "cold" drops the files from the page cache
before each run, as with a plate that is larger than memory; "warm" reads them from memory.
With ``--plates results/demo/sites/files/*.parquet`` it takes the images of a run.

Uncompressed files in a warm cache are shown but not held to the bar: reading them is one copy in
memory, so that writing the same bytes once, without any compression ("copy"), already costs more.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import imagecodecs
import numpy as np
import pandas as pd
import tifffile
from scipy.ndimage import gaussian_filter

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "workflow"))

from moascope.images.ingest import ingest_plate

CHANNELS = ["DNA", "actin", "tubulin"]
BAR = 0.6


def field_of_view(rng: np.random.Generator, size: int) -> np.ndarray:
    """Blurred spots on a background with photon noise, (size, size) uint16."""
    spots = (rng.random((size, size)) > 0.999).astype(np.float32)
    return rng.poisson(gaussian_filter(spots, 8) * 2e5 + 200).astype(np.uint16)


def write_plate(folder: Path, n_sites: int, size: int, kind: str) -> pd.DataFrame:
    """Write one file per site and channel and return the sites table."""
    rng = np.random.default_rng(0)
    base = [field_of_view(rng, size) for _ in CHANNELS]
    rows = []
    for i in range(n_sites):
        well = f"{'ABCDEFGH'[i // 12 % 8]}{i % 12 + 1:02d}"
        row: dict[str, object] = {"site_id": f"P/{well}/{i}", "plate": "P", "well": well}
        for channel, plane in zip(CHANNELS, base, strict=True):
            shifted = np.roll(plane, (17 * i, 29 * i), (0, 1))
            path = folder / f"{i}_{channel}.{'png' if kind == 'png' else 'tif'}"
            if kind == "png":
                path.write_bytes(imagecodecs.png_encode(shifted))
            else:
                compression = None if kind == "uncompressed" else kind
                tifffile.imwrite(path, shifted, compression=compression)
            row |= {f"path:{channel}": str(path), f"index:{channel}": -1}
        rows.append(row)
    return pd.DataFrame(rows)


def bare_read(path: str) -> np.ndarray:
    """Read and decode one file, as the shortest script would."""
    if path.endswith(".png"):
        return imagecodecs.png_decode(Path(path).read_bytes())
    return tifffile.imread(path)


def bare_loop(paths: list[str], workers: int) -> None:
    """Read and decode all files and keep nothing."""
    if workers == 1:
        for path in paths:
            bare_read(path)
        return
    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(lambda path: bare_read(path).shape, paths):
            pass


def drop_from_cache(paths: list[str]) -> None:
    """Let the kernel forget the files, so that reading them goes to the disk."""
    os.sync()
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def copy_loop(paths: list[str], out: Path, workers: int) -> None:
    """Read all files and write their bytes into one: what no store could be faster than."""
    with ThreadPoolExecutor(workers) as pool, out.open("wb") as target:
        for content in pool.map(lambda path: Path(path).read_bytes(), paths):
            target.write(content)


def best_seconds(
    runs: dict[str, Callable[[], object]], prepare: Callable[[], object]
) -> list[float]:
    """Time each run three times, in turn, and keep the best."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(3):
        for name, run in runs.items():
            prepare()
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return [min(values) for values in times.values()]


def measure(kind: str, caches: list[str], n_sites: int, size: int, workers: int) -> bool:
    """Print one line per state of the cache; tell whether the bar is held where it applies."""
    held = True
    with tempfile.TemporaryDirectory() as name:
        sites = write_plate(Path(name), n_sites, size, kind)
        paths = sites[[f"path:{channel}" for channel in CHANNELS]].to_numpy().ravel().tolist()
        total = sum(Path(path).stat().st_size for path in paths)
        out = Path(name) / "P.ozx"
        runs: dict[str, Callable[[], object]] = {
            "bare": lambda: bare_loop(paths, workers),
            "ingest": lambda: ingest_plate(sites, CHANNELS, out, workers=workers),
            "copy": lambda: copy_loop(paths, Path(name) / "copy", workers),
        }
        for cache in caches:
            drop = (lambda: drop_from_cache(paths)) if cache == "cold" else (lambda: None)
            bare, ingest, copy = best_seconds(runs, drop)
            speeds = "".join(f"{total / t / 1e6:9.0f}" for t in (bare, copy, ingest))
            share = out.stat().st_size / (len(paths) * size**2 * 2)
            print(f"{kind:13} {cache:5}{speeds} {bare / ingest:7.2f} {share:8.2f}", flush=True)
            held &= bare / ingest >= BAR or (kind, cache) == ("uncompressed", "warm")
    return held


def measure_plates(tables: list[str], workers: int) -> bool:
    """Print one line for the images of a run, from the page cache; tell whether the bar is held."""
    plates = [pd.read_parquet(table) for table in tables]
    channels = [name.removeprefix("path:") for name in plates[0] if name.startswith("path:")]
    columns = [f"path:{channel}" for channel in channels]
    paths = sorted({path for plate in plates for path in plate[columns].to_numpy().ravel()})
    total = sum(Path(path).stat().st_size for path in paths)
    with tempfile.TemporaryDirectory() as folder:

        def ingest() -> None:
            for plate in plates:
                out = Path(folder) / f"{time.perf_counter_ns()}.ozx"
                ingest_plate(plate, channels, out, axes="CYX", workers=workers)

        bare, taken = best_seconds(
            {"bare": lambda: bare_loop(paths, workers), "ingest": ingest}, lambda: None
        )
    print(f"{len(plates)} plates, {len(paths)} files such as {paths[0]}, {total / 1e6:.0f} MB")
    print(f"{workers} workers; bare {bare:.2f} s, ingest {taken:.2f} s, ratio {bare / taken:.2f}")
    return bare / taken >= BAR


def main() -> int:
    """Print the table; fail where a case is below the bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, default=96)
    parser.add_argument("--size", type=int, default=1024, help="pixels along a side")
    parser.add_argument("--workers", type=int, default=1, help="the rule takes one")
    parser.add_argument("--kinds", nargs="+", default=["uncompressed", "zlib", "lzw", "png"])
    parser.add_argument("--cache", nargs="+", default=["cold", "warm"], choices=["cold", "warm"])
    parser.add_argument("--plates", nargs="+", help="tables of files of a run")
    options = parser.parse_args()
    if options.plates:
        return 0 if measure_plates(options.plates, options.workers) else 1

    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{options.sites} sites x {len(CHANNELS)} channels x {options.size}^2 uint16")
    print(f"{options.workers} workers; MB/s of file bytes; store: its size against the pixels")
    print("files         cache     bare     copy   ingest   ratio    store")
    held = [
        measure(kind, options.cache, options.sites, options.size, options.workers)
        for kind in options.kinds
    ]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
