"""Opening of files that others named."""

import os
from pathlib import Path

import pytest

from moascope.core.regular_files import open_regular, read_regular

DESCRIPTORS = Path("/proc/self/fd")


def test_a_file_is_read_whole_also_behind_a_link(tmp_path):
    (tmp_path / "a").write_bytes(b"some bytes")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert read_regular(tmp_path / "a") == read_regular(tmp_path / "link") == b"some bytes"


def test_an_open_file_knows_its_name(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    with open_regular(tmp_path / "a") as file:
        assert file.name == str(tmp_path / "a")


def test_a_pipe_without_a_writer_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is a named pipe, not a file"):
        read_regular(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("place", "words"),
    [("/dev/zero", "it is a device, not a file"), ("/", "it is a folder, not a file")],
)
def test_what_is_no_file_is_named(place, words):
    with pytest.raises(OSError, match=words):
        read_regular(place)


def test_a_refused_file_is_closed(tmp_path):
    before = len([*DESCRIPTORS.iterdir()])
    for _ in range(5):
        with pytest.raises(OSError, match="folder"):
            open_regular(tmp_path)
    assert len([*DESCRIPTORS.iterdir()]) == before


def test_a_path_with_a_null_character_is_an_error_of_the_system():
    with pytest.raises(OSError, match="null"):
        read_regular("a\0b")
