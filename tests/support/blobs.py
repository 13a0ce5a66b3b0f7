"""Folds of overlapping classes, for heads."""

from dataclasses import dataclass, field

import numpy as np

NOBODY = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Fold:
    fold: int
    train: np.ndarray
    test: np.ndarray
    validation: np.ndarray = field(default_factory=lambda: NOBODY)
    repeat: int = 0

    @property
    def name(self) -> str:
        return f"compound {self.fold}"


def blobs(
    seed: int, n: int = 90, d: int = 20, n_classes: int = 3, distance: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Overlapping classes with correlated features far from zero, as pooled activations are."""
    rng = np.random.default_rng(seed)
    codes = np.concatenate([np.arange(n_classes).repeat(2), rng.integers(0, n_classes, n)])[:n]
    mixing = rng.normal(size=(d, d)) / np.sqrt(d)
    features = rng.normal(size=(n, d)) @ mixing + distance * rng.normal(size=(n_classes, d))[codes]
    return features * rng.uniform(0.1, 10, d) + 50, np.array(list("abcdefgh"))[codes]
