"""Maps are read as they were written."""

import numpy as np
import pandas as pd
import pytest

from moascope.classification.explanation.files import Explanation, read_maps, write_maps
from moascope.core.errors import InputError


def test_maps_and_units_come_back(tmp_path):
    units = pd.DataFrame({"unit_id": ["P/ä"], "moa": ["a"], "predicted": ["b"]})
    maps = {"grad-cam": np.full((1, 4, 5), 0.5, np.float16)}
    write_maps(Explanation(units, maps, pd.DataFrame()), tmp_path / "m.h5")
    table, found = read_maps(tmp_path / "m.h5")
    pd.testing.assert_frame_equal(table, units, check_dtype=False)
    np.testing.assert_array_equal(found["grad-cam"], maps["grad-cam"])


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "m.h5").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"m\.h5"):
        read_maps(tmp_path / "m.h5")
