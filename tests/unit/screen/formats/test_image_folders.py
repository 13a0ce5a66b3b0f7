"""Image folders: links, hidden files, and what their names say."""

import os
from pathlib import Path

import pytest
from screens import options, touch

from moascope.core.errors import InputError
from moascope.screen.formats.folder import FORMAT
from moascope.screen.formats.image_folders import list_folder
from moascope.screen.plates import plate_names
from moascope.screen.site_table import read_sites

PATTERN = r"(?P<plate>[^/]+)/(?P<well>[A-H]\d+)_(?P<channel>\w)\.tif"


@pytest.fixture
def root(tmp_path):
    touch(tmp_path / "root", "P1/A01_d.tif", "P1/A02_d.tif")
    return tmp_path / "root"


def given(root, pattern=PATTERN, **keys):
    channels = keys.pop("channels", {"DNA": "d"})
    keys = {"labels_required": False, "controls": [], **keys}
    return options(format="folder", images=str(root), pattern=pattern, channels=channels, **keys)


def warning(root, **keys):
    files, left_out = FORMAT.reader.list_files(given(root, **keys).input)
    return left_out.warning(str(root), len(files))


def test_a_linked_plate_within_the_folder_is_read(root):
    touch(root, ".archive/x/A01_d.tif", ".archive/x/A03_d.tif")
    (root / "P2").symlink_to(".archive/x")
    assert plate_names(given(root).input) == ["P1", "P2"]
    sites = read_sites(given(root))
    assert sites["site_id"].tolist() == ["P1/A01/1", "P1/A02/1", "P2/A01/1", "P2/A03/1"]
    assert sites["path:DNA"][3] == str(root / "P2/A03_d.tif")


def test_a_folder_that_is_also_found_where_it_lies_is_read_once(root):
    (root / "latest").symlink_to("P1")
    assert plate_names(given(root).input) == ["P1"]
    assert warning(root) == (
        f"{root}: 2 image files are read; left out: 2 file(s) found twice through a link, such "
        "as 'latest/A01_d.tif'"
    )


@pytest.mark.parametrize("target", ["..", ".", "../../root", "../P1"])
def test_links_in_a_circle_end(root, target):
    (root / "P1/back").symlink_to(target)
    assert plate_names(given(root).input) == ["P1"]
    assert "1 link(s) to a folder above themselves, such as 'P1/back'" in warning(root)


def test_two_links_in_a_circle_end(root):
    touch(root, ".a/A01_d.tif", ".b/A02_d.tif")
    (root / ".a/b").symlink_to("../.b")
    (root / ".b/a").symlink_to("../.a")
    (root / "P2").symlink_to(".a")
    assert list_folder(str(root)).loops == ["P2/b/a"]


def test_a_link_that_leads_out_is_not_followed_and_said(root, tmp_path, caplog):
    touch(tmp_path / "rooted", "A01_d.tif")  # a name that begins alike
    (root / "P2").symlink_to(tmp_path / "rooted")
    assert plate_names(given(root).input) == ["P1"]
    read_sites(given(root))
    assert "1 link(s) to files outside" in caplog.text
    assert "(set input.images further up), such as 'P2'" in caplog.text


def test_a_folder_with_nothing_but_a_link_out_says_so(tmp_path):
    touch(tmp_path / "elsewhere", "A01_d.tif")
    (tmp_path / "root").mkdir()
    (tmp_path / "root/P1").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"a link to a file outside it, 'P1'"):
        FORMAT.reader.list_files(given(tmp_path / "root").input)


def test_the_folder_itself_may_be_a_link(root, tmp_path):
    (tmp_path / "link").symlink_to(root)
    assert read_sites(given(tmp_path / "link"))["path:DNA"][0] == f"{tmp_path}/link/P1/A01_d.tif"


def test_hidden_files_are_counted_and_said(root, caplog):
    touch(root, "P1/._A01_d.tif", "P1/.DS_Store", "P1/Thumbs.db", "P1/notes.txt", ".git/config")
    caplog.set_level("INFO")
    assert len(read_sites(given(root))) == 2
    assert "1 hidden image file(s), as file attributes of a Mac are" in caplog.text
    assert "'P1/._A01_d.tif'" in caplog.text
    assert f"{root}: 4 hidden and 1 other files are left out" in caplog.text


def test_files_that_are_no_images_are_no_reason_to_warn(root):
    touch(root, "P1/.DS_Store", "P1/Thumbs.db", "P1/notes.txt")
    assert warning(root) is None


def test_broken_links_are_no_folders(root):
    (root / "gone").symlink_to("nowhere")
    (root / "self").symlink_to("self")
    assert list_folder(str(root)).paths == ["P1/A01_d.tif", "P1/A02_d.tif", "gone", "self"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_may_not_be_listed_is_an_error(root):
    (root / "P2").mkdir(mode=0)
    with pytest.raises(InputError, match="P2 cannot be listed"):
        FORMAT.reader.list_files(given(root).input)


# --- names of wells ---------------------------------------------------------------------------

INCELL = r"\(fld (?P<site>\d+) wv (?P<channel>\S+) - \S+\)\.tif"


@pytest.fixture
def incell(tmp_path):
    names = [
        f"P1/{row} - {column:02d}(fld {site:02d} wv {channel} - {channel}).tif"
        for row in "AH"
        for column in (1, 12)
        for site in (1, 2)
        for channel in ("DAPI", "Cy5")
    ]
    touch(tmp_path / "incell", *names)
    return tmp_path / "incell"


@pytest.mark.parametrize(
    "well", [r"(?P<row>[A-P]) - (?P<column>\d+)", r"(?P<well>[A-P] - \d+)"], ids=["parts", "well"]
)
def test_names_of_incell_microscopes_are_read(incell, well):
    pattern = f"(?P<plate>[^/]+)/{well}{INCELL}"
    sites = read_sites(given(incell, pattern, channels={"DNA": "DAPI", "Actin": "Cy5"}))
    assert sites["well"].unique().tolist() == ["A01", "A12", "H01", "H12"]
    assert sites["site"].tolist() == ["01", "02"] * 4
    name = "A - 01(fld 01 wv DAPI - DAPI).tif"
    assert sites["path:DNA"][0] == str(incell / "P1" / name)


def test_rows_may_be_numbers(tmp_path):
    touch(tmp_path, "P1_2_3_d.tif")
    pattern = r"(?P<plate>P\d)_(?P<row>\d)_(?P<column>\d)_(?P<channel>d)\.tif"
    assert read_sites(given(tmp_path, pattern))["well"].tolist() == ["B03"]


@pytest.mark.parametrize(
    ("pattern", "missing"),
    [
        (r"(?P<plate>.)(?P<row>.)(?P<channel>.)", "lacks the named groups column;"),
        (r"(?P<plate>.)(?P<column>.)(?P<channel>.)", "lacks the named groups row;"),
        (r"(?P<plate>.)(?P<channel>.)", "lacks the named groups well;"),
    ],
)
def test_a_pattern_needs_the_well_or_its_parts(root, pattern, missing):
    with pytest.raises(InputError, match=missing):
        FORMAT.reader.list_files(given(root, pattern).input)


def test_a_wrong_row_is_named_by_its_groups(tmp_path):
    touch(tmp_path, "P1_Z_3_d.tif")
    pattern = r"(?P<plate>P\d)_(?P<row>\w)_(?P<column>\d)_(?P<channel>d)\.tif"
    with pytest.raises(
        InputError, match=r"groups 'row' and 'column' of input.pattern: 'Z3' is off"
    ):
        read_sites(given(tmp_path, pattern))


def test_a_missing_channel_of_a_site_can_be_quarantined(incell, caplog):
    Path(incell, "P1/A - 01(fld 01 wv Cy5 - Cy5).tif").unlink()
    pattern = rf"(?P<plate>[^/]+)/(?P<row>[A-P]) - (?P<column>\d+){INCELL}"
    keys = {"channels": {"DNA": "DAPI", "Actin": "Cy5"}}
    with pytest.raises(InputError, match="no image file for channel 'Actin'"):
        read_sites(given(incell, pattern, **keys))
    sites = read_sites(given(incell, pattern, **keys, on_bad_image="quarantine"))
    assert sites["path:Actin"].eq("").tolist() == [True, *[False] * 7]
    assert "1 of 8 sites have no file for every channel" in caplog.text
