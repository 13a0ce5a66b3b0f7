"""Units and pictures for tests of the leakage audit."""

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter


def fields(n, side=128, seed=0, sigma=3.0):
    """Random smooth two-channel pictures, float16 (n, side, side, 2), range 0 to 1."""
    noise = np.random.default_rng(seed).standard_normal((n, side, side, 2))
    smooth = gaussian_filter(noise, (0, sigma, sigma, 0))
    smooth -= smooth.min()
    return (smooth / smooth.max()).astype(np.float16)


def quadrants(images):
    """Cut every picture into its quadrants, in the order top left, top right, bottom left, ..."""
    n, side, _, channels = images.shape
    half = side // 2
    cut = images.reshape(n, 2, half, 2, half, channels).transpose(0, 1, 3, 2, 4, 5)
    return np.ascontiguousarray(cut.reshape(n * 4, half, half, channels))


def units_table(n, per_field=1, n_classes=2):
    """One well per field; the class changes from field to field."""
    field = np.arange(n) // per_field
    well = [f"{'ABCDEFGH'[i // 12 % 8]}{i % 12 + 1:02d}" for i in field]
    plate = [f"plate{i // 96}" for i in field]
    units = pd.DataFrame({"plate": plate, "well": well})
    units["site"] = (np.arange(n) % per_field).astype(str)
    units["unit_id"] = units["plate"] + "/" + units["well"] + "/" + units["site"]
    units["field"] = units["plate"] + "/" + units["well"]
    units["moa"] = [f"moa{i % n_classes}" for i in field]
    units["compound"] = [f"compound{i}" for i in field]
    return units.assign(batch="Week1", role="treated", usable=True)


def pairs_of(found):
    return set(zip(found["a"].tolist(), found["b"].tolist(), strict=True))
