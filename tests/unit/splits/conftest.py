"""Units and pictures of the real set."""

import numpy as np
import pandas as pd
import pytest
from skimage.io import imread

from moascope.splits.image_leakage import reduce_images


@pytest.fixture(scope="module")
def lab(shared_data):
    """Units and pictures of the real set; its quadrants of a field are its only relatives."""
    folder = shared_data / "bbbc021-lab"
    labels = pd.read_csv(folder / "labels.csv", dtype={"replicate": str})
    units = labels.rename(columns={"quadrant": "site", "week": "batch"})
    units["unit_id"] = units["plate"] + "/" + units["well"] + "/" + units["site"]
    units = units.assign(role="treated", usable=True)
    images = reduce_images(
        (imread(folder / "images" / name)[None] / np.float32(255)) for name in units["filename"]
    )
    return units, images
