"""Predictions as codes, ready to be scored."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from moascope.core.errors import InputError

PROBABILITY = "p:"
"""Beginning of the columns of probabilities."""


class Codes(NamedTuple):
    """Codes of predictions, as `moascope.core.statistics.metrics` takes them."""

    classes: list[str]
    truth: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float64]
    """(n, n_classes), in the order of `classes`."""
    repeats: npt.NDArray[np.int64]
    """Codes from 0."""


def class_names(predictions: pd.DataFrame) -> list[str]:
    """Return the classes of a predictions table, in the order of its columns."""
    return [
        str(column)[len(PROBABILITY) :]
        for column in predictions.columns
        if str(column).startswith(PROBABILITY)
    ]


def check(predictions: pd.DataFrame) -> None:
    """Check that a predictions table can be scored.

    Raises
    ------
    InputError
        For an empty table, a unit tested twice in a repeat, probabilities that are not finite, or a
        class without a column.
    """
    if predictions.empty:
        raise InputError("predictions: 0 rows; the split has no test units to score")
    repeated = predictions.duplicated(["unit_id", "repeat"])
    if repeated.any():
        first = predictions.loc[repeated, ["unit_id", "repeat"]].iloc[0]
        raise InputError(
            f"predictions: unit {first['unit_id']!r} is tested more than once in repeat "
            f"{first['repeat']} ({int(repeated.sum())} such rows); "
            "let the test sets of one repeat not overlap"
        )
    columns = [name for name in predictions.columns if str(name).startswith(PROBABILITY)]
    undefined = ~np.isfinite(predictions[columns].to_numpy(np.float64)).all(axis=1)
    if undefined.any():
        raise InputError(
            f"predictions: the probabilities of unit {predictions['unit_id'][undefined].iloc[0]!r} "
            f"are NaN or infinite ({int(undefined.sum())} such rows). Fix: check the features or "
            "the training that they are of"
        )
    named = set(predictions["moa"]) | set(predictions["predicted"])
    unknown = sorted(map(str, named - set(class_names(predictions))))
    if unknown:
        raise InputError(
            f"predictions: class {unknown[0]!r} has no column '{PROBABILITY}{unknown[0]}'"
        )


def look_up(predictions: pd.DataFrame, units: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return columns of the units table in the row order of predictions of units.

    Raises
    ------
    InputError
        If a unit is not in the units table.
    """
    wanted = units.set_index("unit_id")[columns]
    position = wanted.index.get_indexer(pd.Index(predictions["unit_id"]))
    if (position < 0).any():
        missing = predictions["unit_id"].to_numpy()[position < 0]
        raise InputError(
            f"predictions: unit {missing[0]!r} is not in the units table "
            f"({len(missing)} such rows); predict and evaluate the same units"
        )
    return wanted.iloc[position].reset_index(drop=True)


def encode(predictions: pd.DataFrame) -> Codes:
    """Convert the names of a predictions table to codes."""
    classes = class_names(predictions)
    index = pd.Index(classes)
    return Codes(
        classes=classes,
        truth=index.get_indexer(pd.Index(predictions["moa"])).astype(np.int64),
        predicted=index.get_indexer(pd.Index(predictions["predicted"])).astype(np.int64),
        probabilities=predictions[[PROBABILITY + name for name in classes]].to_numpy(np.float64),
        repeats=pd.factorize(predictions["repeat"], sort=True)[0].astype(np.int64),
    )
