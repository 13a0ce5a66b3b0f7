"""Images and stores of a small plate."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from plate_images import CHANNELS, WELLS, image, write_sites

from moascope.images.ingest import ingest_plate


@pytest.fixture
def images() -> list[list[np.ndarray]]:
    return [[image(i, c) for c in range(3)] for i in range(3)]


@pytest.fixture
def sites(tmp_path, images) -> pd.DataFrame:
    return write_sites(tmp_path, images, WELLS)


@pytest.fixture
def store(tmp_path, sites) -> Path:
    ingest_plate(sites, CHANNELS, tmp_path / "P.ozx", pixel_size_um=0.65, workers=2)
    return tmp_path / "P.ozx"
