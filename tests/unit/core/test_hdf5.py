"""HDF5 files of a run."""

import h5py
import numpy as np
import pytest

from moascope.core.errors import InputError
from moascope.core.hdf5 import open_h5, read_dataset

VALUES = np.arange(12, dtype=np.uint16).reshape(3, 4)


@pytest.fixture
def path(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images/000001"] = VALUES
    return tmp_path / "a.h5"


def test_an_array_is_read_whole_or_in_part(path):
    with open_h5(path) as file:
        whole = read_dataset(file, "images/000001")
        part = read_dataset(file, "images/000001", (slice(1, 3), slice(0, 2)))
    np.testing.assert_array_equal(whole, VALUES)
    assert whole.dtype == np.uint16
    assert part.tolist() == [[4, 5], [8, 9]]


def test_a_file_is_opened_for_reading_only(path):
    with open_h5(path) as file, pytest.raises(ValueError, match="no write intent"):
        file["more"] = VALUES


def test_a_file_that_is_missing_or_of_another_kind_is_named(tmp_path):
    with pytest.raises(InputError, match=r"gone\.h5"):
        open_h5(tmp_path / "gone.h5")
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(InputError, match=r"text\.h5"):
        open_h5(tmp_path / "text.h5")


def test_an_array_that_is_missing_names_the_file(path):
    with open_h5(path) as file, pytest.raises(InputError, match=r"a\.h5"):
        read_dataset(file, "images/000002")
