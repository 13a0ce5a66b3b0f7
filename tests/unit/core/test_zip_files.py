"""Archives of models that would fill the memory are refused by what they declare."""

import zipfile

import pytest

from moascope.core.errors import InputError
from moascope.core.zip_files import check_declared
from moascope.segmentation.implementations.stardist import _unpacked


def bomb(path, entries=5):
    """Write an archive that declares a GB per entry, as far as its directory says."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(entries):
            archive.writestr(f"weights{number}.h5", bytes(1000))
        for info in archive.filelist:
            info.file_size = 10**9
    return path


def test_an_archive_that_declares_too_much_is_refused(tmp_path):
    path = bomb(tmp_path / "model.zip")
    with zipfile.ZipFile(path) as archive, pytest.raises(InputError) as caught:
        check_declared(archive, path)
    assert "its entries declare 5,000,000,000 bytes, and a model has at most" in str(caught.value)
    with pytest.raises(InputError, match="declare 5,000,000,000 bytes"), _unpacked(path):
        pass


def test_models_of_a_usual_size_pass(tmp_path):
    path = bomb(tmp_path / "model.zip", entries=3)
    with zipfile.ZipFile(path) as archive:
        check_declared(archive, path)
