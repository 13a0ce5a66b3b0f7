"""What streaming costs the frozen feature pass: `uv run python tests/benchmarks/bench_features.py`.

Images per second of `features.extract` (units on disk to features on disk) against bare
calls of the same model on arrays in memory, alternating, in one process.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from moascope.classification import features
from moascope.networks import backbones
from moascope.networks.registry import ChannelMapping


def main(units, side, views, rounds):
    images = np.random.default_rng(0).random((units, side, side, 3)).astype(np.float16)
    model = backbones.build(
        "efficientnet-lite0",
        "imagenet",
        None,
        ["a", "b", "c"],
        ChannelMapping("rgb"),
        ["block10_add"],
    )
    viewed = features.with_views(model, views)
    step = max(1, 32 // views)
    bare, streamed = [], []
    with tempfile.TemporaryDirectory() as folder:
        file, out = Path(folder, "units.npy"), Path(folder, "features.npy")
        np.save(file, images)
        in_memory = images.astype(np.float32)
        viewed.predict_on_batch(in_memory[:step])
        for _ in range(rounds):
            started = time.perf_counter()
            for first in range(0, units - units % step, step):
                viewed.predict_on_batch(in_memory[first : first + step])
            bare.append(time.perf_counter() - started)
            started = time.perf_counter()
            features.extract(model, [file], None, out, views=views)
            streamed.append(time.perf_counter() - started)
    rate = units * views / np.array([min(bare), min(streamed)])
    print(f"bare {rate[0]:.0f} images/s, streamed {rate[1]:.0f}, ratio {rate[1] / rate[0]:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--units", type=int, default=192)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--views", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    main(options.units, options.side, options.views, options.rounds)
