"""Labelled units that a classifier is trained on."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from moascope.core.errors import InputError
from moascope.networks.keras_defaults import keras

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Samples:
    """Training data: arrays that stay on disk, their labels, and the rows of each set.

    Parameters
    ----------
    stacks : sequence of arrays
        Units `(n, H, W, C)` or features `(n, d)`, memory-mapped or not.
    labels : numpy.ndarray
        int, class index per row of the arrays taken one after the other; -1 where unknown.
    rows : mapping
        Row numbers of `train`, `validation` (may be empty or absent) and `test`.
    classes : sequence of str
        Class names, in the order of their indices.
    """

    stacks: Sequence[np.ndarray]
    labels: np.ndarray
    rows: Mapping[str, np.ndarray]
    classes: Sequence[str]

    def of(self, name: str) -> np.ndarray:
        """Return the row numbers of a set, int64; empty where there is none."""
        return np.asarray(self.rows.get(name, ()), dtype=np.int64)

    def take(self, name: str, most_per_class: int | None) -> Samples:
        """Return the samples with fewer rows of one set.

        Parameters
        ----------
        name : str
            Of the set.
        most_per_class : int or None
            First rows of every class that are kept; None: all.

        Returns
        -------
        Samples
            The other sets are the same.
        """
        if most_per_class is None:
            return self
        rows = self.of(name)
        labels = self.labels[rows]
        kept = [rows[labels == code][:most_per_class] for code in np.unique(labels)]
        return replace(self, rows={**self.rows, name: np.concatenate(kept)})

    def class_weights(self) -> np.ndarray:
        """Return a weight per class, n / (k * n_class), that makes all classes count the same."""
        labels = self.labels[self.of("train")]
        counts = np.bincount(labels, minlength=len(self.classes))
        present = counts > 0
        weights = np.zeros(len(counts), dtype="float32")
        weights[present] = len(labels) / (present.sum() * counts[present])
        return weights

    def order_of_epoch(self, seed: int, epoch: int, *, is_balanced: bool) -> np.ndarray:
        """Draw the training rows of an epoch.

        Parameters
        ----------
        seed, epoch : int
            They decide the order.
        is_balanced : bool
            Take as many rows of every class; of a class with fewer rows some are taken again, and
            of a larger one some are left out.

        Returns
        -------
        numpy.ndarray
            int64 row numbers, as many as there are training rows.
        """
        rng = np.random.default_rng([seed, epoch])
        rows = self.of("train")
        if not is_balanced:
            return rng.permutation(rows)
        labels = self.labels[rows]
        codes = np.unique(labels)
        # Classes take turns, so that their numbers differ by one at most.
        turns = rng.permutation(np.resize(rng.permutation(codes), len(rows)))
        order = np.empty(len(rows), dtype=np.int64)
        for code in codes:
            places = np.flatnonzero(turns == code)
            own = rng.permutation(rows[labels == code])
            order[places] = np.resize(own, len(places))
        return order


def fingerprint(samples: Samples, contents: Sequence[str], given: Sequence[Any]) -> str:
    """Compute a digest of everything that a checkpoint must agree with.

    Parameters
    ----------
    samples : Samples
        Their labels, rows and classes count.
    contents : sequence of str
        Digests of the stacks.
    given : sequence
        Options, seed and the digest of the code, ready for JSON.

    Returns
    -------
    str
        Hexadecimal.
    """
    versions = [keras.__version__, keras.backend.backend()]
    about = [versions, list(contents), list(samples.classes), *given]
    digest = hashlib.sha256(json.dumps(about, sort_keys=True, default=list).encode())
    for rows in (samples.labels, *(samples.of(name) for name in ("train", "validation", "test"))):
        values = np.ascontiguousarray(rows, dtype=np.int64)
        digest.update(f"{len(values)} ".encode() + values.tobytes())
    return digest.hexdigest()


def check_samples(samples: Samples) -> None:
    """Check that a model can be trained on samples.

    Raises
    ------
    InputError
        For another number of labels than of rows, no training rows, rows without a class, or
        training rows of fewer than two classes.
    """
    n = sum(len(stack) for stack in samples.stacks)
    if len(samples.labels) != n:
        raise InputError(f"labels: {len(samples.labels)} labels for {n} units; give one for each.")
    if not len(samples.of("train")):
        raise InputError("split: a fold without training units. Check the groups of the split.")
    for name in ("train", "validation"):
        labels = samples.labels[samples.of(name)]
        n_unknown = int(((labels < 0) | (labels >= len(samples.classes))).sum())
        if n_unknown:
            raise InputError(
                f"labels: {n_unknown} {name} units have no class. Leave unlabelled units out of "
                "the split, or label them."
            )
    present = np.unique(samples.labels[samples.of("train")])
    missing = [each for code, each in enumerate(samples.classes) if code not in present]
    if len(samples.classes) - len(missing) < 2:
        raise InputError(
            f"split: the {len(samples.of('train'))} training units of a fold have fewer than two "
            "classes, so there is nothing to learn. Check the groups of the split."
        )
    if missing:
        logger.warning("no training units of %s, so it is never predicted", ", ".join(missing))
