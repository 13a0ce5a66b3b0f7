"""What the training loop costs: `uv run python tests/benchmarks/bench_training.py`.

Time per step of `networks.training.loop` with the course of classifiers, against a bare loop of
`train_on_batch` on arrays in memory and against `Model.fit`. The three alternate in one process;
the median of the rounds counts.
"""

import argparse
import time

import keras
import numpy as np

from moascope.classification.training.fine_tuning import build_classifier
from moascope.classification.training.loop import ClassifierCourse, Plan
from moascope.classification.training.options import FineTuning, Training
from moascope.classification.training.samples import Samples
from moascope.core.options import restore
from moascope.networks.training import loop


def build(backbone, side):
    options = {"backbone": backbone, "weights": "none", "transfer": "full", "head": {}}
    return build_classifier(restore(FineTuning, options), list("abc"), 2, (side, side))


def time_bare(model, samples, batch_size):
    units = samples.stacks[0].astype("float32")
    targets = np.eye(2, dtype="float32")[samples.labels]
    started = time.perf_counter()
    for first in range(0, len(units), batch_size):
        rows = slice(first, first + batch_size)
        model.train_on_batch(units[rows], targets[rows], return_dict=True)
    return time.perf_counter() - started


def time_fit(model, samples, batch_size):
    units = samples.stacks[0].astype("float32")
    targets = np.eye(2, dtype="float32")[samples.labels]
    started = time.perf_counter()
    model.fit(units, targets, batch_size=batch_size, epochs=1, verbose=0)
    return time.perf_counter() - started


class OneEpoch(ClassifierCourse):
    """One epoch, with the model as it was compiled before."""

    def prepare(self, history):
        self._is_head_only = False


def time_ours(model, samples, plan):
    course = OneEpoch(model, model, samples, plan, None)
    started = time.perf_counter()
    loop.train(model, model, course)
    return time.perf_counter() - started


def main(backbone, side, batch_size, steps, rounds):
    rng = np.random.default_rng(0)
    n = batch_size * steps
    units = rng.random((n, side, side, 3)).astype("float16")
    samples = Samples([units], np.arange(n) % 2, {"train": np.arange(n)}, ["a", "b"])
    training = Training(epochs=1, batch_size=batch_size, class_weights=False)
    plan = Plan(training.complete(is_fine_tuned=False), seed=0)
    model = build(backbone, side)
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    ways = {
        "bare": lambda: time_bare(model, samples, batch_size),
        "fit": lambda: time_fit(model, samples, batch_size),
        "ours": lambda: time_ours(model, samples, plan),
    }
    times = {name: [] for name in ways}
    for way in ways.values():
        way()  # compiles
    for _ in range(rounds):
        for name, way in ways.items():
            times[name].append(way())
    median = {name: float(np.median(each)) / steps for name, each in times.items()}
    ratio = np.median(np.array(times["ours"]) / times["bare"])
    print(
        f"{backbone}, {side} px, batch {batch_size}: bare {1000 * median['bare']:.1f} ms per step, "
        f"fit {1000 * median['fit']:.1f}, ours {1000 * median['ours']:.1f}, ratio {ratio:.3f}"
    )
    keras.utils.clear_session()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbone", default="efficientnet-lite0")
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    main(options.backbone, options.side, options.batch_size, options.steps, options.rounds)
