"""Sheets with a row per image or site."""

from moascope.screen.site_table import (
    summarise,
)


def test_planes_of_one_file_are_channels(screen):
    keys = {"path_column": "dna", "channels": {"DNA": 2, "Actin": 0}}
    sites = screen.read(**keys)
    assert sites["path:DNA"].tolist() == sites["path:Actin"].tolist()
    assert (sites["index:DNA"][0], sites["index:Actin"][0]) == (2, 0)
    assert summarise(sites)["images"] == 5


def test_two_channels_from_one_place_are_refused(screen):
    message = screen.error(channels={"DNA": "dna", "Actin": "dna"})
    assert "input.channels: DNA and Actin are both 'dna'; give every channel its own" in message


def test_an_unknown_channel_column_is_named_with_the_nearest(screen):
    message = screen.error(channels={"DNA": "dna", "Actin": "Actn"})
    assert "input.channels.Actin: the sheet has no column 'Actn'; did you mean 'actin'?" in message
