"""Tables that are joined to a sample sheet."""

import pytest
from screens import ROWS


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


def test_an_moa_table_without_its_columns_is_refused(annotated):
    annotated.table.write_text("compound,mechanism\ntaxol,Stabilizer\n")
    assert "moa.csv (input.moa_table): there is no column 'moa'" in annotated.error()


def test_a_missing_moa_table_is_named(annotated):
    annotated.table.unlink()
    assert f"{annotated.table}: there is no such file" in annotated.error()
