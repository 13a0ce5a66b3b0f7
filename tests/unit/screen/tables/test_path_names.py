"""Paths of another machine, and names on disk in another Unicode form."""

import pytest

from moascope.screen.tables.path_names import NamesOnDisk, common_folders, is_absolute, map_prefixes


@pytest.mark.parametrize(
    ("prefixes", "path", "expected"),
    [
        ({"/mnt/a": "/data"}, "/mnt/a/P1/x.tif", "/data/P1/x.tif"),
        ({"/mnt/a/": "/data/"}, "/mnt/a/P1/x.tif", "/data/P1/x.tif"),
        ({"/mnt/a": "."}, "/mnt/a/x.tif", "./x.tif"),
        ({"/mnt/a": "/data"}, "/mnt/ab/x.tif", "/mnt/ab/x.tif"),
        ({"/mnt/a": "/data"}, "/mnt/A/x.tif", "/mnt/A/x.tif"),
        ({"/mnt": "/one", "/mnt/a": "/two"}, "/mnt/a/x.tif", "/two/x.tif"),
        ({"Z:\\screen": "/data"}, "z:\\Screen\\P1\\x.tif", "/data/P1/x.tif"),
        ({"Z:/": "/data"}, "Z:\\P1\\x.tif", "/data/P1/x.tif"),
        ({"\\\\server\\share": "/data"}, "//Server/share/x.tif", "/data/x.tif"),
        ({"/": "/data"}, "/P1/x.tif", "/data/P1/x.tif"),
        ({"/mnt": "/"}, "/mnt/x.tif", "/x.tif"),
        ({"/mnt": ""}, "/mnt/x.tif", "./x.tif"),
        ({"/": "/data"}, "", ""),
        ({}, "a\\x.tif", "a\\x.tif"),
        ({"/mnt": "/data"}, "a\\x.tif", "a\\x.tif"),
        ({"/mnt": "/data"}, "", ""),
    ],
)
def test_the_longest_prefix_is_replaced_by_whole_folders(prefixes, path, expected):
    assert map_prefixes([path], prefixes) == [expected]


def test_paths_of_all_systems_are_absolute():
    assert all(map(is_absolute, ["/a", "C:/a", "c:\\a", "\\\\server\\a"]))
    assert not any(map(is_absolute, ["a/b", "../a", "", "C:a"]))


def test_folders_in_common_are_found_by_mount():
    paths = ["/mnt/x/P1/a.tif", "/mnt/x/P2/a.tif", "Z:\\s\\P1\\a.tif", "/home/me/a.tif"]
    assert common_folders(paths) == [("/mnt/x", 2), ("Z:/s/P1", 1), ("/home/me", 1)]


@pytest.mark.parametrize(
    ("on_disk", "written"),
    [
        ("Za\u0308hlung/a.tif", "Z\u00e4hlung/a.tif"),
        ("Z\u00e4hlung/a.tif", "Za\u0308hlung/a.tif"),
        ("P1/a.tif", "P1\u200b/a.tif"),
        ("P1/a b.tif", "P1/a\u00a0b.tif"),
        ("P\u00e4/\u00b5.tif", "P\u00e4/\u03bc.tif"),
    ],
)
def test_a_name_in_another_form_is_found(tmp_path, on_disk, written):
    file = tmp_path / on_disk
    file.parent.mkdir()
    file.touch()
    assert NamesOnDisk(str(tmp_path)).find(f"{tmp_path}/{written}") == str(file)


def test_the_name_as_written_comes_first_and_two_that_look_alike_are_left_alone(tmp_path):
    for name in ("\u00e4.tif", "a\u0308.tif", "b\u200b.tif", "b\u200d.tif"):
        (tmp_path / name).touch()
    disk = NamesOnDisk(str(tmp_path))
    for name in ("\u00e4.tif", "a\u0308.tif", "b\u2060.tif", "nothing\u00e4.tif"):
        assert disk.find(f"{tmp_path}/{name}") == f"{tmp_path}/{name}"
    assert disk.find("/elsewhere/\u00e4.tif") == "/elsewhere/\u00e4.tif"
