"""Files appear whole or not at all, and errors name the file that they are about."""

import errno
import os

import pytest

from moascope.errors import InputError
from moascope.files import atomic_path, check_folder


def names_in(folder):
    return [path.name for path in folder.iterdir()]


def failing(path, error):
    """Write half of a file and fail."""
    with atomic_path(path) as temporary:
        temporary.write_text("half")
        raise error


def test_a_file_appears_when_the_block_ends(tmp_path):
    target = tmp_path / "new" / "folder" / "a.txt"
    with atomic_path(target) as temporary:
        temporary.write_text("whole")
        assert temporary.suffix == ".txt"
        assert not target.exists()
    assert target.read_text() == "whole"
    assert names_in(target.parent) == ["a.txt"]


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), OSError(5, "I/O error")])
def test_nothing_is_left_after_a_failure(tmp_path, error):
    with pytest.raises(type(error)) as raised:
        failing(tmp_path / "a.txt", error)
    assert raised.value is error
    assert not names_in(tmp_path)


def test_a_failure_keeps_the_file_that_was_there(tmp_path):
    (tmp_path / "a.txt").write_text("before")
    with pytest.raises(ValueError, match="x"):
        failing(tmp_path / "a.txt", ValueError("x"))
    assert (tmp_path / "a.txt").read_text() == "before"
    assert names_in(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(
    ("code", "fix"),
    [
        (errno.ENOSPC, "Free space on that disk"),
        (errno.EDQUOT, "The disk quota is used up"),
        (errno.EACCES, "Check the permissions of the folder"),
        (errno.EROFS, "The file system is read-only"),
    ],
)
@pytest.mark.parametrize("named", [None, "temporary", "folder"])
def test_what_cannot_be_written_is_named_with_the_fix(tmp_path, code, fix, named):
    target = tmp_path / "a.npy"
    with pytest.raises(InputError) as raised, atomic_path(target) as temporary:
        temporary.write_text("half")
        paths = {"temporary": temporary, "folder": tmp_path}
        raise OSError(code, os.strerror(code), *([str(paths[named])] if named else []))
    assert str(raised.value).startswith(f"{target}: cannot be written ({os.strerror(code)}). {fix}")
    assert not names_in(tmp_path)


def test_a_relative_path_is_recognised(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="cannot be written"), atomic_path("a.npy") as temporary:
        raise OSError(errno.EACCES, "Permission denied", str(tmp_path / temporary))


@pytest.mark.parametrize("code", [errno.EACCES, errno.ENOTDIR, errno.EEXIST, errno.EROFS])
def test_errors_of_other_files_pass_unchanged(tmp_path, code):
    other = tmp_path / "images" / "w1.tif"
    error = OSError(code, os.strerror(code), str(other))
    with pytest.raises(OSError, match=r"w1\.tif") as raised:
        failing(tmp_path / "results" / "a.npy", error)
    assert raised.value is error
    assert not names_in(tmp_path / "results")


def test_reading_below_a_file_passes_unchanged(tmp_path):
    (tmp_path / "image").write_text("")
    with pytest.raises(NotADirectoryError, match="w1"), atomic_path(tmp_path / "a.npy"):
        (tmp_path / "image" / "w1.tif").read_bytes()


@pytest.mark.parametrize("below", ["a.npy", "plates/a.npy", "plates/deep/a.npy"])
def test_a_file_in_place_of_the_folder_is_named_with_the_fix(tmp_path, below):
    (tmp_path / "results").write_text("mine")
    target = tmp_path / "results" / below
    with pytest.raises(InputError) as raised, atomic_path(target):
        pytest.fail("the block ran without a folder")
    assert str(raised.value).startswith(f"{target}: cannot be written (")
    fix = f"{tmp_path / 'results'} is a file where a folder is needed: move it away."
    assert str(raised.value).endswith(fix)
    assert (tmp_path / "results").read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_named_before_it_is_needed(tmp_path, monkeypatch):
    check_folder(tmp_path / "results/mine")
    assert names_in(tmp_path) == []
    (tmp_path / "file").touch()
    for target in ("file", "file/mine"):
        with pytest.raises(InputError, match=r"file is a file where a folder is needed. Move it"):
            check_folder(tmp_path / target, writable=False)
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with pytest.raises(InputError, match=r"link is a link to a folder that is not there. Make"):
        check_folder(tmp_path / "link/mine", writable=False)
    monkeypatch.setattr("os.access", lambda *given: False)
    check_folder(tmp_path / "results", writable=False)
    with pytest.raises(InputError, match=r"results: cannot be written, since .* is read-only for"):
        check_folder(tmp_path / "results")
