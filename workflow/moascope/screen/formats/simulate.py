"""Input format `simulate`: the synthetic screen with its sample sheets."""

from __future__ import annotations

from moascope.screen.formats.base import InputFormat
from moascope.screen.formats.sheet_reader import SheetReader
from moascope.screen.formats.table import read_channel

FORMAT = InputFormat(
    name="simulate",
    description="synthetic screen of the section `simulate`",
    reader=SheetReader(read_channel),
    refused_keys={"groups": "a simulated screen has no further columns"},
    makes_images=True,
)
