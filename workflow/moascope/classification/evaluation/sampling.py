"""Random samples of rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd


def sample_alike(codes: npt.NDArray[np.int64], n: int, seed: int) -> npt.NDArray[np.bool_]:
    """Choose rows at random, as many of each group as it has, up to a common number.

    Parameters
    ----------
    codes : (n_rows,) int
        Group of every row; rows below 0 are left out.
    n : int
        How many rows to choose.
    seed : int
        Of the choice.

    Returns
    -------
    (n_rows,) bool
        True for the chosen rows.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(np.flatnonzero(codes >= 0))
    turn = pd.Series(codes[order]).groupby(codes[order]).cumcount().to_numpy()
    chosen = np.zeros(len(codes), dtype=bool)
    chosen[order[np.argsort(turn, kind="stable")[:n]]] = True
    return chosen
