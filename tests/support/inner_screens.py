"""Units of compounds whose features tell their classes in part."""

import numpy as np
import pandas as pd

N_NOISE, N_SIGNAL = 6, 5


def screen(seed=0, n_compounds=9, n_units=8, n_classes=3):
    """Make units of compounds, each with an offset of its own; the first features say nothing."""
    rng = np.random.default_rng(seed)
    compounds = np.arange(n_compounds).repeat(n_units)
    codes = compounds % n_classes
    centres = rng.normal(size=(n_classes, N_SIGNAL))
    signal = centres[codes] + 0.5 * rng.normal(size=(n_compounds, N_SIGNAL))[compounds]
    signal += 0.7 * rng.normal(size=(len(compounds), N_SIGNAL))
    noise = rng.normal(size=(n_compounds, N_NOISE))[compounds]
    noise += 0.1 * rng.normal(size=(len(compounds), N_NOISE))
    units = pd.DataFrame(
        {
            "unit_id": [f"u{row}" for row in range(len(compounds))],
            "compound": [f"c{number}" for number in compounds],
            "moa": np.array(list("abcdefgh"))[codes],
        }
    )
    return np.hstack([noise, signal]), units


def members_of(units):
    """Return the units of a split by compound."""
    return pd.DataFrame({"unit_id": units["unit_id"], "group": units["compound"]})
