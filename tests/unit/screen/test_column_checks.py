"""Checks of the columns of a screen."""

import pytest
from screens import HEADER, touch


@pytest.mark.parametrize("spelling", ["Taxol", "tax ol", "TAX-OL", "tax_ol", "tax\u2011ol"])
def test_a_compound_with_two_spellings_is_named_with_both_lines(screen, spelling):
    screen.lines += [f"P2,D4,1,{spelling},0.3,Stabilizer,e/1d.tif,e/1a.tif"]
    touch(screen.folder, "e/1d.tif", "e/1a.tif")
    assert (
        f"column 'compound': 'taxol' (line 4) and {spelling!r} (line 7) look like one compound, "
        "but would count as different ones; correct the spelling"
    ) in screen.error()


def test_plates_that_differ_in_case_only_and_mechanisms_with_two_spellings_are_refused(screen):
    screen.lines += ["p2,D4,1,epo,0.3,stabil-izer,e/1d.tif,e/1a.tif"]
    touch(screen.folder, "e/1d.tif", "e/1a.tif")
    message = screen.error()
    assert "column 'plate': plates 'P2' (line 5) and 'p2' (line 7) differ in case only" in message
    assert "'Stabilizer' (line 4) and 'stabil-izer' (line 7) look like one mechanism" in message


@pytest.mark.parametrize(("one", "other"), [("C-1-12", "C-11-2"), ("taxol", "taxole"), ("A1", "A")])
def test_other_compounds_may_have_similar_names(screen, one, other):
    screen.lines = [line.replace(",taxol,", f",{one},") for line in screen.lines]
    screen.lines += [f"P2,D4,1,{other},0.3,Stabilizer,e/1d.tif,e/1a.tif"]
    touch(screen.folder, "e/1d.tif", "e/1a.tif")
    assert {one, other} < set(screen.read()["compound"])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("P1,I01,1,taxol,1,Stabilizer,a,b", "line 7, column 'well': 'I01' is off the plate: 96"),
        ("P1,B+3,1,taxol,1,Stabilizer,a,b", "line 7, column 'well': 'B+3' is not a well name"),
        ("P1,,1,taxol,1,Stabilizer,a,b", "line 7, column 'well': blank; name the well"),
        (",B3,1,taxol,1,Stabilizer,a,b", "line 7, column 'plate': blank; name the plate"),
        ("P 1,B3,1,taxol,1,Stabilizer,a,b", "line 7, column 'plate': plate 'P 1': it becomes a"),
        ("../P,B3,1,taxol,1,Stabilizer,a,b", "line 7, column 'plate': plate '../P': it becomes a"),
        ("P1,B3,,taxol,1,Stabilizer,a,b", "line 7, column 'site': blank; name it"),
        ("P1,B3,1/2,taxol,1,Stabilizer,a,b", "line 7, column 'site': site '1/2': leave out '/'"),
        ("P1,B3,1,taxol,-1,Stabilizer,a,b", "column 'concentration': '-1' is negative"),
        ("P1,B3,1,taxol,3 uM,Stabilizer,a,b", "column 'concentration': '3 uM' is not a number"),
        ("P1,B3,1,taxol,>10,Stabilizer,a,b", "without a unit or a sign such as '>'"),
        ("P1,B3,1,taxol,inf,Stabilizer,a,b", "column 'concentration': 'inf' is not a number"),
        (
            'P1,B3,1,taxol,"0,4",Stabilizer,a,b',
            "'0,4' has a decimal comma, but other cells of the column have a decimal point (such "
            "as '0.3'); write 0.4",
        ),
        ("P1,B3,1,newone,1,,a,b", "line 7, column 'moa': no MoA is known for 'newone@1'; fill it"),
        ("P1,B3,1,,,,a,b", "line 7, column 'moa': compound and MoA are missing"),
        ("P1,B3,1,taxol", "line 7: 4 cells, but the header has 8"),
        (
            "P1,B3,1,taxol,1,Poison,a,b",
            "compound 'taxol' has several mechanisms, 'Stabilizer' (line 4) and 'Poison' (line 7)",
        ),
        (
            "P1,B2,7,taxol,5,Stabilizer,a,b",
            "line 7, column 'compound': well 'B02' of plate 'P1' holds 'taxol@5' here and "
            "'taxol@0.3' in line 4; a well has one treatment",
        ),
    ],
)
def test_a_bad_row_is_named_with_line_column_value_and_fix(screen, line, message):
    screen.lines.append(line)
    assert message in screen.error()


def test_wells_beyond_96_need_the_plate_format(screen):
    screen.lines[3] = "P1,P24,1,taxol,0.3,Stabilizer,a/3d.tif,a/3a.tif"
    assert "P1/P24/1" in set(screen.read(plate_format=384)["site_id"])
    screen.lines[3] = "P1,af48,1,taxol,0.3,Stabilizer,a/3d.tif,a/3a.tif"
    assert "P1/AF48/1" in set(screen.read(plate_format=1536)["site_id"])


@pytest.mark.parametrize("column", ["batch", "field"])
def test_a_blank_batch_or_field_is_refused(screen, column):
    screen.lines = [line + ",x" for line in screen.lines]
    screen.lines[0] = HEADER + ",extra"
    screen.lines[2] = screen.lines[2].removesuffix("x")
    assert "line 3, column 'extra': blank; name the" in screen.error(columns={column: "extra"})
