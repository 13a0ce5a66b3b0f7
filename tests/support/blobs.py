"""Classes of features for heads: overlapping blobs, and crescents."""

from dataclasses import dataclass, field

import numpy as np
from sklearn.datasets import make_moons

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


def moons(seed: int = 0, n_units: int = 240) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return two crescents, their classes, and groups of units that are of one class each."""
    rng = np.random.default_rng(seed)
    points, codes = make_moons(n_units, noise=0.1, random_state=seed)
    groups = 12 * codes + rng.integers(0, 12, n_units)
    return 3 * points, np.array(["a", "b"])[codes], groups
