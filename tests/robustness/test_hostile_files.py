"""Files that are none, lead elsewhere, or have odd names: refused in words, never waited for."""

import os
import socket

import numpy as np
import pytest
import tifffile
from screens import Screen, options

from moascope.config import loading
from moascope.core.errors import ImageError, InputError
from moascope.core.regular_files import read_regular
from moascope.images.readers import SUFFIXES, read_pixel_size, read_planes
from moascope.screen.formats.folder import FORMAT
from moascope.screen.formats.image_folders import IMAGE_SUFFIXES
from moascope.screen.image_files import mask_folder_problem
from moascope.screen.tables.delimited import read_sheet
from moascope.segmentation.data.masks import read_mask
from moascope.segmentation.data.sheet import SheetOptions, read_annotations


def make(kind, path):
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "socket":
        here = os.open(path.parent, os.O_RDONLY)
        try:  # paths of sockets are short
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(f"/proc/self/fd/{here}/{path.name}")
        finally:
            os.close(here)


KINDS = {
    "pipe": "it is a named pipe, not a file",
    "folder": "it is a folder, not a file",
    "device": "it is a device, not a file",
    "socket": "it is a socket, not a file",
}


@pytest.fixture(params=KINDS)
def odd(request, tmp_path):
    """Give a path maker, and what messages say of what it makes."""

    def path(name):
        target = tmp_path / name
        make(request.param, target)
        return target

    return path, KINDS[request.param]


def test_reading_names_what_is_no_file(odd):
    path, words = odd
    with pytest.raises(OSError, match=words):
        read_regular(path("x"))


def test_an_image_that_is_no_file_is_refused(odd):
    path, words = odd
    target = path("a.tif")
    for read in (read_planes, read_pixel_size):
        with pytest.raises(ImageError, match=rf"a\.tif: cannot be opened \({words}\)\. Check that"):
            read(target)


def test_a_sheet_that_is_no_file_is_refused(odd):
    path, words = odd
    with pytest.raises(InputError, match=rf"s\.csv: cannot be read \({words}\); correct the path"):
        read_sheet(path("s.csv"))


def test_a_platemap_and_a_table_of_mechanisms_that_are_no_files_are_refused(odd, tmp_path):
    path, words = odd
    screen = Screen(tmp_path / "screen")
    message = screen.error(platemap=str(path("map.csv")), moa_table=str(path("moa.csv")))
    assert f"map.csv: cannot be read ({words})" in message
    assert f"moa.csv: cannot be read ({words})" in message


def test_a_configuration_names_files_only(odd):
    path, _ = odd
    split = {"method": "fixed", "file": str(path("split.csv"))}
    model = {"split": "a", "weights": str(path("w.h5"))}
    raw = {
        "run": "r",
        "input": {"format": "simulate", "channels": {"a": "a", "b": "b", "c": "c"}},
        "splits": {"a": split},
        "models": {"m": model},
    }
    problems = loading.missing_files(loading.load(raw))
    assert [problem.partition(":")[0] for problem in problems] == [
        "splits.a.file",
        "models.m.weights",
    ]


def test_a_path_that_would_end_a_script_is_refused():
    raw = {
        "run": "r",
        "input": {
            "format": "table",
            "sheet": "a</script>b.csv",
            "channels": {"a": "a"},
        },
    }
    problems = loading.missing_files(loading.load(raw))
    assert problems[0] == (
        "input.sheet: 'a</script>b.csv' has a '<', which Snakemake's report cannot hold; rename "
        "the file or its folder"
    )


def test_an_image_of_a_sheet_that_is_no_file_is_refused(odd, tmp_path):
    path, _ = odd
    screen = Screen(tmp_path)
    (tmp_path / "a/1d.tif").unlink()
    path("a/1d.tif")
    message = screen.error()
    assert "line 2, column 'dna'" in message
    assert (
        "a/1d.tif is not a file; give the path of an image" in message
        or "outside the image folder" in message
    )


def test_an_image_of_a_folder_that_is_no_file_is_refused(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    os.mkfifo(folder / "P1_A01_1.tif")
    screen = Screen(tmp_path / "screen")
    message = screen.error(
        format="folder",
        sheet=None,
        images=str(folder),
        pattern=r"(?P<plate>\w+)_(?P<well>\w+)_(?P<channel>\d)\.tif",
        channels={"DNA": "1"},
    )
    assert f"{folder}/P1_A01_1.tif is not a file; give the path of an image" in message


# Folders with a mask per object


@pytest.fixture
def masks(tmp_path):
    """Give a folder of two masks below an image folder."""
    folder = tmp_path / "root/masks"
    folder.mkdir(parents=True)
    for number in range(2):
        mask = np.zeros((8, 8), np.uint8)
        mask[number * 4 : number * 4 + 2] = 255
        tifffile.imwrite(folder / f"{number}.tif", mask)
    return folder


def test_a_pipe_among_masks_is_not_waited_for(masks):
    os.mkfifo(masks / "2.tif")
    words = r"2\.tif: cannot be opened \(it is a named pipe, not a file\)"
    with pytest.raises(ImageError, match=words):
        read_mask(masks)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: os.mkfifo(folder / "2.tif"), "holds '2.tif', which is not a file; remove"),
        (
            lambda folder: (folder / "2.tif").symlink_to("/etc/hostname"),
            "holds '2.tif', a link to a place outside {root}; replace the link by the file",
        ),
        (
            lambda folder: (folder / "2.tif").symlink_to("/dev/zero"),
            "holds '2.tif', a link to a place outside {root}; replace the link by the file",
        ),
        (
            lambda folder: (folder / "2.tif").symlink_to("3.tif"),
            "holds '2.tif', which is not a file; remove it",
        ),
        (
            lambda folder: (folder / "2\x1b\udcff.tif").touch(),
            r"holds '2\x1b\udcff.tif', whose name has control characters; rename it",
        ),
    ],
    ids=["pipe", "link to a file", "link to a device", "link to nothing", "name"],
)
def test_what_a_folder_of_masks_may_hold_is_checked_with_the_sheet(masks, tmp_path, spoil, words):
    assert mask_folder_problem(masks, masks.parent) is None
    spoil(masks)
    words = words.format(root=masks.parent)
    assert words in mask_folder_problem(masks, masks.parent)

    (masks.parent / "image.tif").touch()
    screen = Screen(tmp_path / "screen")
    screen.lines = ["plate,well,dna,mask", "P1,A01,image.tif,masks"]
    message = screen.error(
        images=str(masks.parent), channels={"DNA": "dna"}, columns={"mask": "mask", "site": None}
    )
    assert f"line 2, column 'mask': {masks} {words}" in message


def test_a_link_among_masks_that_stays_inside_is_followed(masks):
    (masks / "2.tif").symlink_to(masks / "0.tif")
    (masks / "notes.txt").symlink_to("/etc/hostname")
    assert mask_folder_problem(masks, masks.parent) is None


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: os.mkfifo(folder / "2.tif"), "masks holds '2.tif', which is not a file"),
        (
            lambda folder: (folder / "2.tif").symlink_to("/etc/hostname"),
            "masks holds '2.tif', a link to a place outside",
        ),
    ],
    ids=["pipe", "link"],
)
def test_folders_of_annotated_sets_are_checked_likewise(masks, spoil, words):
    root = masks.parent
    tifffile.imwrite(root / "image.tif", np.zeros((8, 8), np.uint8))
    os.mkfifo(root / "pipe.tif")
    spoil(masks)
    (root / "s.csv").write_text("id,set,mask\nimage,train,masks\npipe,test,masks\n")
    options = SheetOptions(root, "{id}.tif", "mask", set_column="set")
    with pytest.raises(InputError) as caught:
        read_annotations(root / "s.csv", options)
    assert f"line 2 (and 1 more), mask: {root}/{words}" in str(caught.value)
    assert f"line 3, image: {root}/pipe.tif is not a file; give the path" in str(caught.value)


def test_a_list_of_sets_that_is_no_file_is_refused(odd, tmp_path):
    path, words = odd
    (tmp_path / "s.csv").write_text("id,mask\na,b\n")
    options = SheetOptions(tmp_path, "id", "mask", split_file=path("sets.json"))
    with pytest.raises(InputError, match=rf"sets\.json: cannot be read as JSON \({words}\)"):
        read_annotations(tmp_path / "s.csv", options)


def test_images_are_known_by_the_same_endings_everywhere():
    assert set(IMAGE_SUFFIXES) == set(SUFFIXES)


# Odd names


def folder_options(folder):
    pattern = r"(?P<plate>[^_]+)_(?P<well>[^_]+)_(?P<channel>[^_]+)\.tif"
    return options(
        format="folder", images=str(folder), pattern=pattern, channels={"DNA": "d"}
    ).input


def test_file_names_that_are_not_utf_8_are_named(tmp_path):
    (tmp_path / "P1_A01_d.tif").touch()
    (tmp_path / "P1_A02\udcff_d.tif").touch()
    given = folder_options(tmp_path)
    with pytest.raises(InputError) as caught:
        FORMAT.reader.list_files(given)
    assert str(caught.value) == (
        rf"{tmp_path}: the file name 'P1_A02\xff_d.tif' is not UTF-8, or has control characters; "
        "rename the file"
    )


def test_other_files_may_have_any_name(tmp_path):
    (tmp_path / "P1_A01_d.tif").touch()
    (tmp_path / "notes\udcff\x1b.txt").touch()
    given = folder_options(tmp_path)
    assert len(FORMAT.reader.list_files(given)[0]) == 1


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("a/\x1b[2J1d.tif", r"column 'dna': 'a/\x1b[2J1d.tif' has control characters; rename"),
        ('"a/x\n  - all is well"', r"'a/x\n  - all is well' has control characters; rename"),
        ("file://[", "column 'dna': 'file://[' is not a local file; download the images"),
        ("file:///a%00b.tif", r"'/a\x00b.tif' has control characters; rename the file"),
        ("file:///\u00e4%00/b.tif", "'/\u00e4\\x00/b.tif' has control characters; rename the file"),
    ],
)
@pytest.mark.parametrize("form", ["table", "loaddata"])
def test_odd_paths_are_named_with_line_and_column(tmp_path, cell, words, form):
    screen = Screen(tmp_path / "screen")
    screen.lines[1] = screen.lines[1].replace("a/1d.tif", cell)
    if form == "loaddata":
        screen.lines[0] = screen.lines[0].replace("dna", "URL_dna").replace("actin", "URL_actin")
        words = words.replace("'dna'", "'URL_dna'")
    message = screen.error(format=form)
    assert "line 2, column" in message
    assert words in message


def test_paths_of_five_thousand_characters_do_not_exist(tmp_path):
    screen = Screen(tmp_path / "screen")
    for long in ("b/" * 2500 + "x.tif", "x" * 5000 + ".tif"):
        screen.lines[1] = screen.lines[1].replace(screen.lines[1].split(",")[6], long)
        message = screen.error()
        assert "line 2" in message
        assert "File name too long" in message or "does not exist; correct the name" in message
    for key in ("images", "sheet", "platemap", "moa_table"):
        message = screen.error(**{key: "y" * 5000})
        assert "y" * 100 in message
        assert "correct the path" in message


def test_a_folder_of_images_with_a_name_too_long_does_not_exist():
    with pytest.raises(InputError, match=r"input\.images: the folder 'yyy.*\(5,002 characters\)"):
        FORMAT.reader.list_files(folder_options("y" * 5000))


def test_an_annotated_set_may_name_anything(tmp_path):
    lines = ["id,set,mask", "a,train," + "m" * 5000, '"b\n",val,m', "c\x1b,test,m"]
    (tmp_path / "s.csv").write_text("\n".join(lines))
    options = SheetOptions(tmp_path, "{id}", "mask", set_column="set")
    with pytest.raises(InputError) as caught:
        read_annotations(tmp_path / "s.csv", options)
    assert "does not exist; correct the name" in str(caught.value)
    assert r"'c\x1b' has control characters" in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_names_with_control_characters_are_refused_in_all_tables(tmp_path):
    screen = Screen(tmp_path / "screen")
    screen.lines[3] = screen.lines[3].replace("taxol", "tax\x1b[2Jol")
    moa = tmp_path / "moa.csv"
    moa.write_text("compound,moa\ntaxol,Sta\x07bilizer\n")
    message = screen.error(moa_table=str(moa))
    assert r"line 4, column 'compound': 'tax\x1b[2Jol' has control characters; correct" in message
    assert rf"{moa}, line 2, column 'moa': 'Sta\x07bilizer' has control characters" in message

    screen.lines = ["plate,well,site,dna,actin", "P1,A1,1,a/1d.tif,a/1a.tif"]
    platemap = tmp_path / "map.csv"
    platemap.write_text("plate,well,compound,moa\nP1,A01,D\x1bMSO,\n")
    message = screen.error(platemap=str(platemap))
    assert rf"{platemap}, line 2, column 'compound': 'D\x1bMSO' has control" in message


# Numbers without end


def test_plane_numbers_of_thirty_digits_are_named(tmp_path):
    screen = Screen(tmp_path / "screen")
    number = 10**30
    message = screen.error(path_column="dna", channels={"DNA": number})
    assert f"input.channels.DNA: {number} is not a plane number" in message
    message = screen.error(path_column="dna", channels={"DNA": str(number)})
    assert f"input.channels.DNA: '{number}' is not a plane number" in message
    screen.lines = [
        "Metadata_Plate,Metadata_Well,FileName_dna,Frame_dna",
        f"P1,A01,a/1d.tif,{number}",
        f"P1,A02,a/2d.tif,{'9' * 5000}",
        "P1,A03,a/3d.tif,\u0663",
    ]
    message = screen.error(format="loaddata", channels={"DNA": "dna"}, columns={"site": None})
    assert f"line 2, channel 'DNA': frame '{number}' is not a plane number" in message
    assert "(5,002 characters) is not a plane number" in message
    assert "line 4, channel 'DNA': frame '\u0663' is not a plane number" in message


def test_rows_of_thousands_of_digits_are_no_wells(tmp_path):
    screen = Screen(tmp_path / "screen")
    screen.lines = ["plate,row,column,dna,actin", f"P1,{'9' * 5000},1,a/1d.tif,a/1a.tif"]
    columns = {"row": "row", "column": "column", "site": None}
    assert "is not a well name" in screen.error(columns=columns)


@pytest.mark.parametrize("place", ["header", "cell"])
def test_cells_beyond_the_limit_are_named(tmp_path, place):
    long = "x" * 131_073
    path = tmp_path / "s.csv"
    text = f"a,{long}\n1,2\n" if place == "header" else f"a,b\n1,2\n3,{long}\n"
    path.write_text(text)
    line = 1 if place == "header" else 3
    with pytest.raises(InputError) as caught:
        read_sheet(path)
    assert str(caught.value) == (
        f"{path}, line {line}: a cell is longer than 131,072 characters; correct a quotation "
        "mark that is not closed, or the path of the table"
    )


def test_a_sheet_of_delimiters_has_no_header(tmp_path):
    (tmp_path / "s.csv").write_text(",,,\n,,,\n")
    with pytest.raises(InputError, match=r"s\.csv: the header is a single column"):
        read_sheet(tmp_path / "s.csv")
