"""Scores and costs of segmentation. Run by hand; `memory` and `encoder` use results of
`uv run snakemake --configfile config/dsb2018.yaml`.

    uv run python tests/benchmarks/bench_segmentation.py score CONFIG.yaml [METHOD MODEL]
    uv run python tests/benchmarks/bench_segmentation.py memory MODEL.keras
    uv run python tests/benchmarks/bench_segmentation.py encoder ANNOTATED.h5 ANNOTATED.parquet

- score: average precision over IoU with 95 % intervals, of the engines of any configuration with
  `segmentation.annotated`, or of one given model (METHOD: unet, stardist or cellpose) in their
  place, which needs test images only;
- memory: seconds, and the peak of memory above the image, for an image of 10,000 x 10,000 px;
- encoder: minutes until the validation AP at IoU 0.5 first reaches 0.80, with the encoder that was
  pretrained on ImageNet and without it, in turn, on the same patches.

Engines are compared on the same images in one run by the workflow itself: see engines.yaml.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path

import numpy as np

from moascope.segmentation.engines.options.training import NetworkTraining, PatchAugmentation
from moascope.segmentation.engines.options.unet import Network, UNetOptions

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "workflow"))


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def score(config: str, method: str | None = None, model: str | None = None) -> None:
    """Run the workflow on an annotated set, and print average precision with its intervals."""
    import json
    import subprocess
    import tempfile

    import yaml

    content = yaml.safe_load(Path(config).read_text())
    if method is not None:
        content["run"] += f"-{method}"
        content["segmentation"]["engines"] = {method: {"method": method, "model": model}}
    snakefile = Path(__file__).resolve().parents[2] / "Snakefile"
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(content, file, sort_keys=False)
        file.flush()
        command = ["snakemake", "-s", snakefile, "--configfile", file.name, "--cores", "2"]
        subprocess.run([sys.executable, "-m", *command], check=True)
    summary = json.loads(Path("results", content["run"], "summary.json").read_text())
    for engine, found in summary["segmentation"].items():
        images = f"{found['n_images']} images, {found['n_objects']} objects"
        print(f"{engine}: {images}, {found['seconds_per_image']:.3f} s per image")
        intervals = found["ci"].get("ap") or {}
        rows = [(name, ap, intervals.get(name)) for name, ap in found["ap"].items()]
        for name, ap, limits in [*rows, ("mean", found["mean_ap"], found["ci"]["mean_ap"])]:
            interval = f" [{limits[0]:.3f}, {limits[1]:.3f}]" if limits else ""
            print(f"  AP {name:>4}: {ap:.3f}{interval}")
        if "reason" in found["ci"]:
            print(f"  no intervals: {found['ci']['reason']}")


def memory(model: str, side: int) -> None:
    """Segment one large image of blurred discs."""
    from scipy import ndimage

    from moascope.networks.saving import load_model
    from moascope.segmentation.implementations.unet import UNet

    channels = load_model(model)[1]["channels"]
    engine = UNet.load(model, channels, UNetOptions(tile=1280, overlap=320))
    rng = np.random.default_rng(0)
    block = np.zeros((500, 500), np.float32)
    block[tuple(rng.integers(0, 500, (2, 150)))] = 1
    block = ndimage.gaussian_filter(ndimage.grey_dilation(block, 15), 2) * 1000 + 100
    tiled = np.tile(rng.poisson(block).astype(np.uint16), (side // 500 + 1,) * 2)
    image = np.ascontiguousarray(np.repeat(tiled[None, :side, :side], len(channels), 0))
    del tiled
    engine(image[:, :512, :512])
    before, started = peak_mb(), time.perf_counter()
    labels = engine(image)
    seconds = time.perf_counter() - started
    print(
        f"{side} x {side} px, {image.nbytes / 1e6:.0f} MB: {seconds:.0f} s, "
        f"{peak_mb() - before:.0f} MB above the image, {labels.max()} objects"
    )


def encoder(images: str, table: str, minutes: float) -> None:
    """Train with and without the pretrained encoder until the AP is reached, or time is up.

    The rate falls over the same 20,000 steps for both, whatever the time.
    """
    import tempfile

    from moascope.segmentation.data.annotated_set import AnnotatedSet
    from moascope.segmentation.unet.training import train

    for name in ("efficientnet-lite0", "none"):
        network = Network(encoder=name)
        training = NetworkTraining(
            batch_size=4, steps=20000, max_minutes=minutes, validate_every=100
        )
        with AnnotatedSet(images, table) as annotated, tempfile.TemporaryDirectory() as folder:
            checkpoint = Path(folder) / "checkpoint.npz"
            history = train(
                annotated, network, training, PatchAugmentation(), seed=1, checkpoint=checkpoint
            )["history"]
        reached = history[history["ap_50"] >= 0.8]
        words = f"{reached['minutes'].iloc[0]:.1f} min" if len(reached) else "not reached"
        print(f"encoder {name}: AP 0.80 {words}; best {history['ap_50'].max():.3f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["score", "memory", "encoder"])
    parser.add_argument("files", nargs="+")
    parser.add_argument("--side", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=20)
    options = parser.parse_args()
    if options.what == "score":
        score(*options.files)
    elif options.what == "memory":
        memory(options.files[0], options.side)
    else:
        encoder(options.files[0], options.files[1], options.minutes)
