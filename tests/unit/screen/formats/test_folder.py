"""Folders whose file names encode plate, well, site and channel."""

from pathlib import Path

import pytest
from screens import change, touch

from moascope.core.errors import InputError
from moascope.screen.plates import plate_names
from moascope.screen.site_table import (
    read_sites,
)


def test_a_folder_is_read_by_its_file_names_and_a_platemap(folder):
    sites = read_sites(folder)
    assert plate_names(folder.input) == ["P1", "P2"]
    assert len(sites) == 8
    row = sites.set_index("site_id").loc["P1/B03/2"]
    assert row["path:Actin"] == folder.input.images + "/P1/r02c03f2-ch2.tiff"
    assert (row["treatment"], row["moa"], row["role"]) == ("taxol@1", "Stabilizer", "treated")
    # Not on the platemap: no label is asked for, and the batch is that of the plate.
    row = sites.set_index("site_id").loc["P2/B03/1"]
    assert (row["treatment"], row["role"], row["batch"]) == ("", "unlabelled", "w2")


def test_files_that_the_pattern_leaves_out_are_counted(folder, caplog):
    touch(Path(folder.input.images), "P1/r01c01f10-channel1.tiff", "P1/thumb.png")
    read_sites(folder)
    assert (
        f"{folder.input.images}: 17 image files are read; left out: 2 image file(s) that do "
        "not match input.pattern, such as 'P1/r01c01f10-channel1.tiff'"
    ) in caplog.text


def test_files_of_a_folder_may_hold_all_channels(folder, tmp_path):
    """Colours of an RGB image are planes; the pattern then names no channel."""
    touch(tmp_path, "rgb/P1_A01.png", "rgb/P1_B02.png")
    keys = {
        "images": str(tmp_path / "rgb"),
        "pattern": r"(?P<plate>.+)_(?P<well>.+)\.png",
        "channels": {"red": 0, "green": 1, "blue": 2},
    }
    keys |= {"platemap": None, "needs_controls": False, "labels_required": False}
    sites = read_sites(change(folder, **keys))
    assert sites["well"].tolist() == ["A01", "B02"]
    for plane, channel in enumerate(("red", "green", "blue")):
        assert sites[f"path:{channel}"].str.rpartition("/")[2].tolist() == [
            "P1_A01.png",
            "P1_B02.png",
        ]
        assert sites[f"index:{channel}"].tolist() == [plane, plane]
    assert plate_names(change(folder, **keys).input) == ["P1"]


def test_a_pattern_without_a_slash_is_for_file_names(folder, tmp_path):
    touch(tmp_path / "flat", "deep/down/P7_A01_DNA.png", "deep/down/P7_A01_Actin.png")
    keys = {
        "images": str(tmp_path / "flat"),
        "pattern": "(?P<plate>.+)_(?P<well>.+)_(?P<channel>.+)\\.png",
    }
    keys |= {"platemap": None, "needs_controls": False, "labels_required": False}
    keys |= {"channels": {"DNA": "DNA", "Actin": "Actin"}}
    assert read_sites(change(folder, **keys))["site_id"].tolist() == ["P7/A01/1"]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"pattern": "(?P<plate>.+)"}, "lacks the named groups channel, well;"),
        ({"pattern": "(?P<plate>.+"}, "is not a regular expression"),
        ({"images": "/no/such/folder"}, "the folder '/no/such/folder' does not exist"),
        (
            {"pattern": "(?P<plate>.+)/(?P<well>.+)_(?P<channel>.+)"},
            "none matches .*, such as 'P1/r01c01f1-ch1.tiff'; a pattern with '/' must match",
        ),
        (
            {"channels": {"DNA": "1", "Actin": "7"}},
            "input.channels.Actin: no file has the channel '7'; there are: '1', '2', '9'",
        ),
    ],
)
def test_folders_that_cannot_be_read_say_why(folder, keys, message):
    with pytest.raises(InputError, match=message):
        read_sites(change(folder, **keys))


def test_all_problems_of_a_folder_are_in_one_error(folder):
    root = Path(folder.input.images)
    (root / "P1/r02c03f2-ch2.tiff").unlink()
    touch(root, "P1/r99c01f1-ch1.tiff", "P1/r99c01f1-ch2.tiff", "P3/r01c01f1-ch1.tiff")
    with Path(folder.input.platemap).open("a") as stream:
        stream.write("P1,B03,other,1,X,w1\nP1,K1,other,1,X,w1\n")
    with pytest.raises(InputError) as caught:
        read_sites(folder)
    message = str(caught.value)
    assert "file 'P1/r02c03f2-ch1.tiff', channel 'Actin': no image file for channel" in message
    assert "file 'P1/r99c01f1-ch1.tiff', group 'well' of input.pattern: 'r99c01' is off" in message
    assert "map.csv, line 5: well 'B03' was already given in" in message
    assert "map.csv, line 6, column 'well': 'K1' is off the plate" in message
    assert "plate 'P3' has no well in" in message
    assert "plate 'P3' has no control well" in message


def test_two_files_for_one_channel_are_refused(folder):
    touch(Path(folder.input.images), "P1/r01c01f1-ch1.tiff.tiff", "P1/r1c1f1-ch1.tiff")
    keys = {"pattern": r"(?P<plate>[^/]+)/(?P<well>r01c01)(?P<site>f1)-ch(?P<channel>1)(\.tiff)+"}
    keys |= {"channels": {"DNA": "1"}, "platemap": None, "needs_controls": False}
    with pytest.raises(InputError, match=r"'P1/r01c01f1-ch1\.tiff' for channel '1'; correct input"):
        read_sites(change(folder, **keys, labels_required=False))
