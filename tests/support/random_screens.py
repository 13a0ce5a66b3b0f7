"""Screens of random features, with folds and predictions."""

import numpy as np
import pandas as pd

from moascope.classification.heads import cross_validation
from moascope.classification.heads.kinds.lda import LdaOptions

LDA = LdaOptions(calibrate=False)


class Fold:
    """One compound is tested, the others are trained on."""

    repeat = 0
    validation = np.empty(0, dtype=np.int64)

    def __init__(self, number: int, tested: np.ndarray) -> None:
        self.fold, self.name = number, f"fold {number}"
        self.test, self.train = np.flatnonzero(tested), np.flatnonzero(~tested)


def screen(n_classes: int = 4, n_compounds: int = 3, n_units: int = 8) -> pd.DataFrame:
    """Units of a screen whose classes are spread over plates, rows and columns."""
    n = n_classes * n_compounds * n_units
    compound = np.repeat(np.arange(n_classes * n_compounds), n_units)
    unit = np.tile(np.arange(n_units), n_classes * n_compounds)
    place = np.random.default_rng(0).permutation(n_classes * n_compounds)[compound]
    return pd.DataFrame(
        {
            "unit_id": [f"u{row}" for row in range(n)],
            "plate": np.char.add("P", (unit % 2).astype(str)),
            "batch": np.char.add("week ", (unit % 2).astype(str)),
            "row": place % 8,
            "col": unit // 2 + 4 * (place // 8),
            "well": [f"w{c}-{u // 2}" for c, u in zip(compound, unit, strict=True)],
            "field": [f"f{row}" for row in range(n)],
            "compound": np.char.add("c", compound.astype(str)),
            "treatment": np.char.add("c", compound.astype(str)),
            "moa": np.array(list("abcdefgh"))[compound % n_classes],
        }
    )


def folds_of(units: pd.DataFrame, column: str = "compound") -> list[Fold]:
    return [
        Fold(number, (units[column] == name).to_numpy())
        for number, name in enumerate(units[column].unique())
    ]


def features_of(units: pd.DataFrame, rng: np.random.Generator, skill: float) -> np.ndarray:
    """Features in which compounds have a look of their own, and classes one of this strength."""
    codes = units["moa"].map("abcdefgh".index).to_numpy()
    looks = rng.standard_normal((units["compound"].nunique(), 6))
    compound = pd.factorize(units["compound"])[0]
    classes = 1.5 * skill * np.eye(8, 6)
    return classes[codes] + 0.7 * looks[compound] + rng.standard_normal((len(units), 6))


def predicted(units: pd.DataFrame, features: np.ndarray) -> pd.DataFrame:
    return cross_validation.fit_predict_folds(
        features, units["unit_id"].to_numpy(), units["moa"].to_numpy(), folds_of(units), LDA
    )
