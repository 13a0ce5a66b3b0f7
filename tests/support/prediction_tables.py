"""Small tables of units and predictions."""

import numpy as np
import pandas as pd


def unit_table(wells: list[str], treatments: list[str] | None = None) -> pd.DataFrame:
    """Units u0, u1, ... of plate P in the given wells."""
    n = len(wells)
    treatments = treatments or [f"compound {well}@1" for well in wells]
    return pd.DataFrame(
        {
            "unit_id": [f"u{row}" for row in range(n)],
            "plate": "P",
            "well": wells,
            "field": [f"{well}/1" for well in wells],
            "treatment": treatments,
            "compound": [name.split("@")[0] for name in treatments],
        }
    )


def prediction_rows(
    truth: str, probabilities: list[tuple[float, ...]], repeat: int = 0, fold: int = 0
) -> pd.DataFrame:
    """Predictions for units u0, u1, ..., one letter of `truth` each; classes a, b, ..."""
    values = np.asarray(probabilities, dtype=float)
    names = np.array(list("abcdef")[: values.shape[1]])
    table = pd.DataFrame(
        {
            "unit_id": [f"u{row}" for row in range(len(truth))],
            "repeat": repeat,
            "fold": fold,
            "fold_name": f"fold {fold}",
            "moa": list(truth),
            "predicted": names[values.argmax(axis=1)],
        }
    )
    return pd.concat([table, pd.DataFrame(values, columns=[f"p:{n}" for n in names])], axis=1)


def random_screen(seed: int, n_wells: int = 24) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Three units per well, two wells per treatment, three classes."""
    rng = np.random.default_rng(seed)
    wells = np.repeat([f"A{well:02d}" for well in range(1, n_wells + 1)], 3)
    treatments = [f"c{int(well[1:]) % (n_wells // 2)}@1" for well in wells]
    truth = ["abc"[int(name[1:-2]) % 3] for name in treatments]
    scores = rng.random((len(wells), 3)) + 0.5 * (np.array(truth)[:, None] == list("abc"))
    scores /= scores.sum(axis=1, keepdims=True)
    return prediction_rows("".join(truth), scores.tolist()), unit_table(list(wells), treatments)
