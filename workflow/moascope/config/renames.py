"""Keys and values that earlier versions had under another name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

REMOVED = {"evaluation.bootstrap": "delete it, and use evaluation.permutations"}
"""Advice for a removed key, by its place; `*` stands for names and numbers."""

RENAMED_KEYS: dict[str, str] = {
    "models.*.taps": "feature_layers",
    "models.*.candidates.*.taps": "feature_layers",
    "models.*.triple": "rgb_channels",
    "segmentation.split_merged": "split_disconnected",
    "segmentation.engines.*.correction": "threshold_correction",
    "segmentation.engines.*.separation": "min_distance",
    "segmentation.engines.*.turns": "test_time_augmentation",
    "segmentation.engines.*.rays": "n_rays",
}
"""Today's name of a key, by its former place, as in `segmentation.engines.*.rays`."""

RENAMED_VALUES: dict[str, Mapping[str, str]] = {
    "models.*.channel_mapping": {"triple": "rgb"},
    "evaluation.baselines.*": {
        "hand-made": "hand-crafted",
        "hand-made-lda": "hand-crafted-lda",
        "hand-made-svm": "hand-crafted-svm",
        "hand-made-gradient-boosting": "hand-crafted-gradient-boosting",
    },
}
"""Today's name of values, by their place and former name."""

Place = Sequence[str | int]


def removal_of(place: Place) -> str | None:
    """Return how to do without a removed key; None for other keys."""
    return _find(REMOVED, place)


def new_key(place: Place) -> str | None:
    """Return today's name of a renamed key; None for other keys."""
    return _find(RENAMED_KEYS, place)


def new_value(place: Place, value: Any) -> str | None:
    """Return today's name of a renamed value; None for other values."""
    names = _find(RENAMED_VALUES, place) or {}
    return names.get(value) if isinstance(value, str) else None


def _find(table: Mapping[str, Any], place: Place) -> Any:
    """Return the entry of a table for a place; None where there is none."""
    parts = [str(part) for part in place]
    for pattern, entry in table.items():
        wanted = pattern.split(".")
        if len(wanted) == len(parts) and all(map(fnmatchcase, parts, wanted)):
            return entry
    return None
