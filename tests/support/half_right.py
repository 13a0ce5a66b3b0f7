"""Small screens of two classes, of which every second unit is predicted rightly."""

import numpy as np
import pandas as pd

ALONE = (
    "every class has only one {unit} in the test set, so the spread between independent units is "
    "unknown. Fix: test several {units} of a class"
)
"""Reason of a missing interval."""


def lettered_units(compounds: str, truth: str, plates: str | None = None) -> pd.DataFrame:
    """Make units, one per letter of `compounds`, of classes and plates as the other letters say."""
    n = len(compounds)
    wells = [f"A{row + 1:02d}" for row in range(n)]
    return pd.DataFrame(
        {
            "unit_id": [f"u{row}" for row in range(n)],
            "site_id": [f"u{row}" for row in range(n)],
            "plate": list(plates or "P" * n),
            "well": wells,
            "field": wells,
            "batch": "1",
            "compound": list(compounds),
            "treatment": list(compounds),
            "moa": list(truth),
        }
    )


def predict_half(units: pd.DataFrame, classes: str = "xy") -> pd.DataFrame:
    """Predict every second unit rightly."""
    right = np.arange(len(units)) % 2 == 0
    other = {"x": "y", "y": "x"}
    called = [moa if ok else other[moa] for moa, ok in zip(units["moa"], right, strict=True)]
    table = units[["unit_id", "moa"]].assign(repeat=0, fold=0, fold_name="f", predicted=called)
    for name in classes:
        table[f"p:{name}"] = (table["predicted"] == name) * 0.8 + 0.1
    return table
