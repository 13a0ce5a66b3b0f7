"""Files appear whole or not at all, and errors name the file that they are about."""

import errno
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from moascope.core import files
from moascope.core.errors import InputError
from moascope.core.files import (
    atomic_path,
    check_folder,
    read_array,
    read_json,
    read_parquet,
    remove_leftovers,
    write_array,
    write_json,
    write_parquet,
)
from moascope.core.hdf5 import open_h5, read_dataset


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
    with pytest.raises(InputError, match=r"link is a link to a missing folder. Add"):
        check_folder(tmp_path / "link/mine", writable=False)
    monkeypatch.setattr("os.access", lambda *given: False)
    check_folder(tmp_path / "results", writable=False)
    with pytest.raises(InputError, match=r"results: cannot be written, since .* is read-only for"):
        check_folder(tmp_path / "results")


# --- leftovers of killed jobs ------------------------------------------------------------------


def left_over(folder, kill):
    """Let another process begin to write a file; give the file and the process, or its end."""
    program = (
        "import sys\nfrom moascope.core.files import atomic_path\n"
        "with atomic_path(sys.argv[1]) as path:\n"
        "    path.write_text('half'); print('begun', flush=True); sys.stdin.read()"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(files.__file__).parents[2])}
    command = [sys.executable, "-c", program, str(folder / "deep" / "a.b.npy")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    writer = subprocess.Popen(command, env=environment, text=True, **pipes)
    assert writer.stdout.readline() == "begun\n"
    if kill:
        writer.kill()
        writer.wait()
    (file,) = (folder / "deep").glob(".*")
    return file, writer


def test_what_a_killed_writer_left_is_removed(tmp_path):
    file, _ = left_over(tmp_path, kill=True)
    (tmp_path / "whole.npy").touch()
    assert remove_leftovers(tmp_path) == [file]
    assert names_in(tmp_path / "deep") == []
    assert remove_leftovers(tmp_path) == []
    assert (tmp_path / "whole.npy").exists()


def test_what_is_being_written_stays(tmp_path):
    file, writer = left_over(tmp_path, kill=False)
    os.utime(file, (0, 0))
    assert remove_leftovers(tmp_path) == []
    writer.communicate()
    assert names_in(tmp_path / "deep") == ["a.b.npy"]


@pytest.mark.parametrize("named", ["{machine}-{process}", "{process}"])
def test_what_another_machine_writes_stays_for_a_week(tmp_path, named):
    writer = named.format(machine="0123abcd", process=2**22 + 1)  # no process has this number
    file = tmp_path / f".a.b.{writer}.partial.parquet"
    file.write_text("half")
    day = 24 * 3600
    for age, removed in ((0, []), (6 * day, []), (8 * day, [file])):
        os.utime(file, (time.time() - age,) * 2)
        assert remove_leftovers(tmp_path) == removed


@pytest.mark.parametrize(
    "name", ["a.1.partial.npy", ".a.partial.npy", ".a.12.partial.tar.gz", ".a.x-1.partial.npy"]
)
def test_files_of_others_stay(tmp_path, name):
    (tmp_path / name).touch()
    os.utime(tmp_path / name, (0, 0))
    assert remove_leftovers(tmp_path) == []


def test_there_may_be_nothing_to_search(tmp_path):
    assert remove_leftovers(tmp_path / "results") == []


# --- reading -----------------------------------------------------------------------------------

TABLE = pd.DataFrame({"id": [f"P1/A01/{n}" for n in range(40)], "x": np.arange(40.0)})


def write_h5(path):
    with h5py.File(path, "w") as file:
        for name in ("images", "labels"):
            values = np.arange(900, dtype="int32").reshape(30, 30)
            file.create_dataset(name, data=values, compression="lzf", fletcher32=True)


def read_h5(path):
    with open_h5(path) as file:
        return {name: read_dataset(file, name) for name in ("images", "labels")}


KINDS = {
    "parquet": (lambda path: write_parquet(TABLE, path), read_parquet),
    "npy": (lambda path: write_array(np.arange(99.0), path), read_array),
    "mapped.npy": (
        lambda path: write_array(np.arange(99.0), path),
        lambda path: read_array(path, mapped=True),
    ),
    "json": (lambda path: write_json({"a": [1, 2, 3]}, path), read_json),
    "h5": (write_h5, read_h5),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_written_is_read(tmp_path, kind):
    write, read = KINDS[kind]
    write(tmp_path / "a")
    first, second = read(tmp_path / "a"), read(tmp_path / "a")
    assert repr(first) == repr(second)


def test_tables_and_arrays_come_back_as_they_were(tmp_path):
    write_parquet(TABLE, tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(read_parquet(tmp_path / "a.parquet"), TABLE)
    assert list(read_parquet(tmp_path / "a.parquet", ["x"])) == ["x"]
    for array in (np.ones((3, 0, 2)), np.asfortranarray(np.eye(3)), np.array(["a", "bc"])):
        write_array(array, tmp_path / "a.npy")
        for mapped in (False, True):
            read = read_array(tmp_path / "a.npy", mapped=mapped)
            np.testing.assert_array_equal(read, array)
            assert read.dtype == array.dtype
            assert isinstance(read, np.memmap) == mapped


@pytest.mark.parametrize("kind", KINDS)
def test_every_cut_of_a_file_is_named_with_its_rule(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    write, read = KINDS[kind]
    file = Path("results/screen/quality.parquet")
    file.parent.mkdir(parents=True)
    write(file)
    whole = file.read_bytes()
    for length in range(0, len(whole) - 2, max(1, len(whole) // 60)):
        file.write_bytes(whole[:length])
        with pytest.raises(InputError) as raised:
            read(file)
        message = str(raised.value)
        assert "\n" not in message
        assert message.startswith(f"{file}: is damaged, or was not written by MoAscope (")
        assert message.endswith(" Delete it and run again, or run with --forcerun collect_units.")
    file.unlink()
    with pytest.raises(InputError, match=r"there is no such file. Run again, or with --forcerun c"):
        read(file)


def unnoticed_changes(file, read, places):
    """List the bytes whose change gives another result without an error."""
    whole, expected, unnoticed = file.read_bytes(), repr(read(file)), []
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 0x10
        file.write_bytes(changed)
        with suppress(InputError):
            if repr(read(file)) != expected:
                unnoticed.append(place)
    return unnoticed


def test_a_changed_byte_of_a_table_is_noticed(tmp_path):
    write_parquet(TABLE, tmp_path / "a")
    pages = range(4, 500)  # the description at the end of the file has no checksum
    assert unnoticed_changes(tmp_path / "a", read_parquet, pages) == []


def test_a_changed_pixel_of_an_annotated_set_is_noticed(tmp_path):
    write_h5(tmp_path / "a")
    with h5py.File(tmp_path / "a") as file:
        chunks = [file[name].id.get_chunk_info(0) for name in file]
    pixels = [place for c in chunks for place in range(c.byte_offset, c.byte_offset + c.size, 5)]
    assert unnoticed_changes(tmp_path / "a", read_h5, pixels) == []


@pytest.mark.parametrize("content", [b"", b"hello", b"\x93NUMPY", b"PK\x03\x04", bytes(1000)])
@pytest.mark.parametrize("kind", KINDS)
def test_foreign_files_are_refused_in_one_line(tmp_path, kind, content):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(
        InputError, match=r"a: is damaged, or was not .*Replace it by an intact one"
    ):
        KINDS[kind][1](tmp_path / "a")


def test_an_array_of_python_objects_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"a\.npy: is damaged, or was not written by MoAscope"):
        read_array(tmp_path / "a.npy")


def test_an_array_that_is_longer_than_its_header_says_is_refused(tmp_path):
    write_array(np.arange(9.0), tmp_path / "a.npy")
    with (tmp_path / "a.npy").open("ab") as file:
        file.write(b"more")
    with pytest.raises(InputError, match="holds 204 bytes, but its header declares 200"):
        read_array(tmp_path / "a.npy")


def test_too_little_memory_is_no_damage(tmp_path):
    with pytest.raises(MemoryError), files.reading(tmp_path / "a"):
        raise MemoryError
