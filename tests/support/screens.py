"""A small screen on disk, for tests of sample sheets."""

from pathlib import Path

import pytest

from moascope.core.errors import InputError
from moascope.screen.options import Input, ScreenOptions
from moascope.screen.site_table import read_screen, read_sites

HEADER = "plate,well,site,compound,concentration,moa,dna,actin"
ROWS = [
    "P1,A1,1,DMSO,0,,a/1d.tif,a/1a.tif",
    "P1,A1,2,DMSO,0,,a/2d.tif,a/2a.tif",
    "P1,b02,1,taxol,0.3,Stabilizer,a/3d.tif,a/3a.tif",
    "P2,H12,1,DMSO,0,,b/4d.tif,b/4a.tif",
    "P2,C03,1,NA,3,Actin,b/5d.tif,b/5a.tif",
]


WELLS = "A1,DMSO,,\nB2,taxol,0.3,Stabilizer\nC3,epo,3,Actin\nH12,DMSO,,\n"
"""Rows of a platemap: well, compound, concentration and mechanism."""


def options(needs_controls=False, labels_required=True, **keys):
    """Return the options of a screen as the workflow does; `sheet` may be a list."""
    sheets = keys.pop("sheet", None)
    several = isinstance(sheets, list)
    return ScreenOptions(
        input=Input(**keys, sheet="" if several else sheets),
        sheets=sheets if several else [],
        needs_controls=needs_controls,
        labels_required=labels_required,
    )


def change(options, **keys):
    """Return options with other keys of the input; columns are added to those that are named."""
    derived = {
        name: keys.pop(name, getattr(options, name))
        for name in ("needs_controls", "labels_required")
    }
    section = options.input.model_dump(exclude_unset=True)
    columns = {**section.get("columns", {}), **keys.pop("columns", {})}
    changed = Input(**{**section, **keys, "columns": columns})
    return ScreenOptions(input=changed, sheets=options.sheets, **derived)


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


class Screen:
    """A small screen on disk that a test can spoil."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sheet = folder / "sheet.csv"
        self.lines = [HEADER, *ROWS]
        self.keys = {"format": "table", "channels": {"DNA": "dna", "Actin": "actin"}}
        touch(folder, *(name for row in ROWS for name in row.split(",")[-2:]))

    def options(self, **keys):
        self.sheet.write_text("\n".join(self.lines) + "\n")
        return options(**{"sheet": str(self.sheet), **self.keys, **keys})

    def read(self, **keys):
        return read_sites(self.options(**keys))

    def error(self, **keys) -> str:
        with pytest.raises(InputError) as caught:
            self.read(**keys)
        return str(caught.value)


def screen_with_platemap(folder: Path) -> Screen:
    """Write a screen whose sheet says nothing of compounds, with a platemap beside it."""
    screen = Screen(folder)
    screen.lines = ["plate,well,site,dna,actin"]
    for row in ROWS:
        cells = row.split(",")
        screen.lines.append(",".join(cells[:3] + cells[-2:]))
    screen.platemap = screen.folder / "map.csv"
    screen.platemap.write_text("well,compound,concentration,moa\n" + WELLS)
    screen.keys["platemap"] = str(screen.platemap)
    return screen


def notes(screen: Screen, **keys) -> list[str]:
    """Return what reading a screen notes."""
    return read_screen(screen.options(**keys))[1]
