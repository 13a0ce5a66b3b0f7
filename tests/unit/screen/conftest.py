"""Fixtures of the tests of screens."""

import pytest
from screens import ROWS, Screen, options, touch


@pytest.fixture
def screen(tmp_path):
    """Write a small screen that a test can spoil."""
    return Screen(tmp_path / "screen")


@pytest.fixture
def folder(tmp_path):
    """Write a folder as an Opera microscope does, with a platemap."""
    root = tmp_path / "images"
    for plate in ("P1", "P2"):
        for well in ("r01c01", "r02c03"):
            touch(root, *(f"{plate}/{well}f{site}-ch{ch}.tiff" for site in (1, 2) for ch in "12"))
    touch(root, "P1/Index.xml", "P1/._r01c01f1-ch1.tiff", "P1/r01c01f1-ch9.tiff")
    platemap = tmp_path / "map.csv"
    platemap.write_text(
        "plate,well,compound,concentration,moa,batch\n"
        "P1,A1,DMSO,,,w1\nP1,B3,taxol,1,Stabilizer,w1\nP2,A1,DMSO,,,w2\n"
    )
    return options(
        needs_controls=True,
        format="folder",
        images=str(root),
        platemap=str(platemap),
        pattern=r"(?P<plate>[^/]+)/(?P<well>r\d+c\d+)f(?P<site>\d+)-ch(?P<channel>\d)\.tiff",
        channels={"DNA": "1", "Actin": "2"},
    )


@pytest.fixture
def annotated(screen):
    """The screen with its MoA in a table of its own."""
    screen.lines = ["plate,well,site,compound,concentration,dna,actin"]
    for row in ROWS:
        cells = row.split(",")
        screen.lines.append(",".join(cells[:5] + cells[6:]))
    screen.table = screen.folder / "moa.csv"
    screen.table.write_text(
        "Compound;Concentration;MoA\ntaxol;0.30000001;Stabilizer\nNA;3.0;Actin\n"
    )
    screen.keys["moa_table"] = str(screen.table)
    return screen
