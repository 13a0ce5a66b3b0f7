"""Plates with controls, and steps of normalization for them."""

import numpy as np
import pandas as pd

from moascope.core.options import restore
from moascope.preprocessing.normalization_methods.options import Normalization
from moascope.preprocessing.normalization_methods.registry import find_method

CHANNELS = ["DNA", "Actin"]
CONTROLS = [0, 3, 4]
ANSCOMBE = {"method": "anscombe"}
KENSERT = Normalization(
    steps=[ANSCOMBE, {"method": "zscore", "scope": "controls"}, {"method": "minmax"}]
)


def step(method, scope="image", low=1.0, high=99.0, z_range=(-3.0, 9.0)):
    """Return a step with the keys that its method reads."""
    keys = {"scope": scope, "low": low, "high": high, "z_range": z_range}
    return {"method": method} | {key: keys[key] for key in find_method(method).keys}


def chain(*steps, **options):
    """Return the options of steps, also of those that do not go together."""
    return restore(Normalization, {"steps": list(steps), **options})


def sites(store, controls=CONTROLS, flagged=()):
    """Return the sites table of a store: some sites are controls, some are flagged."""
    n = len(store.site_ids)
    return pd.DataFrame(
        {
            "site_id": store.site_ids,
            "plate": "P1",
            "role": ["control" if k in controls else "treated" for k in range(n)],
            "flagged": [k in flagged for k in range(n)],
        }
    )


def values(statistics, number=0):
    """Return the statistics of one step, by statistic and channel."""
    table = statistics[statistics["step"] == number]
    return table.pivot(index="statistic", columns="channel", values="value")[CHANNELS]


def control_pixels(store, controls=CONTROLS):
    """Return the pixels of the controls, (C, all of them)."""
    return np.moveaxis(store.pixels[list(controls)], 1, 0).reshape(len(CHANNELS), -1).astype(float)
