"""Problems of a screen are told at once, by their cause."""


def test_all_problems_are_in_one_error(screen):
    screen.lines[1] = "P1,Z99,1,DMSO,0,,a/none.tif,a/1a.tif"
    screen.lines[3] = "P1,B02,1,taxol,-3,,a/3d.tif,a/3d.tif"
    message = screen.error(columns={"batch": "week"}, needs_controls=True)
    for part in ["'Z99'", "a/none.tif", "'-3'", "no MoA is known", "already given", "'week'"]:
        assert part in message
    assert message.startswith(f"{screen.sheet}: 6 problems")


def test_the_same_wrong_value_is_said_once_with_its_count(screen):
    screen.lines = [line.replace("DMSO,0,", "DMSO,zero,") for line in screen.lines]
    message = screen.error()
    assert "line 2 (and 2 more), column 'concentration': 'zero' is not a number" in message
    assert "1 problem" in message


def test_a_kind_of_problem_on_every_row_does_not_hide_others(screen):
    screen.lines += [f"P1,C{n},1,taxol,0.3,Stabilizer,n{n}d.tif,n{n}a.tif" for n in range(1, 13)]
    screen.lines += [f"P1,D{n},1,taxol,0.3,Stabilizer,m{n}d.tif,m{n}a.tif" for n in range(1, 13)]
    screen.lines.append("P1,E1,1,taxol,-1,Stabilizer,a/1d.tif,a/2d.tif")
    message = screen.error()
    assert "... and 22 more values in column 'dna' with the same problem: '" in message
    assert message.count("does not exist; correct the name") == 4  # two examples of each column
    assert "'-1' is negative" in message


def test_equal_causes_have_two_examples_and_a_count(screen):
    rows = [f"P1,{well},1,DMSO,0,,a/1d.tif,a/1a.tif" for well in ("K", "x", "?", "Q1", "R1", "S1")]
    screen.lines[1:2] = rows
    lines = [line for line in screen.error().splitlines() if "column 'well'" in line]
    assert [line.partition(": ")[2].partition(";")[0] for line in lines] == [
        "'K' is not a well name",
        "'x' is not a well name",
        "'?'",  # one more of the first cause
        "'Q1' is off the plate: 96 wells have rows A to H and columns 1 to 12",
        "'R1' is off the plate: 96 wells have rows A to H and columns 1 to 12",
        "'S1'",
    ]
    assert "... and 1 more value in column 'well' with the same problem: '?'" in lines[2]
