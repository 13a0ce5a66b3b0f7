"""ZIP archives: other programs read them, and those that would fill the memory are refused."""

import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moascope.core.damage import check_declared
from moascope.core.errors import InputError
from moascope.core.zip_files import StoredZip
from moascope.segmentation.stardist.files import unpacked


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
    with pytest.raises(InputError, match="declare 5,000,000,000 bytes"), unpacked(path):
        pass


def test_models_of_a_usual_size_pass(tmp_path):
    path = bomb(tmp_path / "model.zip", entries=3)
    with zipfile.ZipFile(path) as archive:
        check_declared(archive, path)


@given(
    st.dictionaries(st.text("aµ/.1", min_size=1), st.binary(), max_size=6), st.binary(max_size=9)
)
@settings(max_examples=40, deadline=None)
def test_archives_are_read_by_the_standard_library(tmp_path_factory, entries, comment):
    path = tmp_path_factory.mktemp("zip") / "a.zip"
    with StoredZip(path, comment) as archive:
        for name, content in entries.items():
            archive.add(name, [content[:3], content[3:]])
    with zipfile.ZipFile(path) as archive:
        assert archive.comment == comment
        assert archive.namelist() == list(entries)
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in entries} == entries


def test_archives_with_more_than_65535_entries(tmp_path):
    with StoredZip(tmp_path / "a.zip") as archive:
        for i in range(66_000):
            archive.add(str(i), [b"x"])
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert len(archive.infolist()) == 66_000
        assert archive.read("65999") == b"x"


def test_archives_beyond_4_gib(tmp_path):
    """Written sparsely: the file system keeps the zeros of the large entry as a hole."""
    path = tmp_path / "a.zip"
    with StoredZip(path) as archive:
        archive.add("small", [b"1"])
        archive._file.seek(5 << 30)
        archive._offset = 5 << 30
        archive.add("beyond", [b"2"])
    with zipfile.ZipFile(path) as archive:
        assert archive.getinfo("beyond").header_offset == 5 << 30
        assert archive.read("beyond") == b"2"
        assert archive.read("small") == b"1"
