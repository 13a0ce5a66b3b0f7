"""Maps and scores of an explained model, as the report reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from moascope.classification.explanation.files import read_maps
from moascope.core.files import read_parquet


@dataclass(frozen=True)
class ExplanationContext:
    """Explanation of one model.

    Attributes
    ----------
    units : pandas.DataFrame
        unit_id, moa and predicted of the units with maps.
    maps : dict of str to ndarray
        By method: float16 (n, H, W) in [0, 1].
    scores : pandas.DataFrame
        method, target, strength, n, correct and accuracy.
    """

    units: pd.DataFrame
    maps: dict[str, npt.NDArray[np.floating]]
    scores: pd.DataFrame


def load_explanations(
    files: Mapping[str, tuple[str | Path, str | Path]],
) -> dict[str, ExplanationContext]:
    """Read the explanations of models.

    Parameters
    ----------
    files : mapping
        Maps (HDF5) and scores (parquet) by model.

    Returns
    -------
    dict of str to ExplanationContext
        By model.
    """
    found = {}
    for name, (maps, scores) in files.items():
        units, drawn = read_maps(maps)
        found[name] = ExplanationContext(units, drawn, read_parquet(scores))
    return found
