import pytest

from moascope.config.check import check_file, main
from moascope.core.errors import InputError

SMALL = "run: a\ninput: {format: simulate, channels: {DNA: dna}}\n"


def test_a_valid_file_is_named(tmp_path, capsys):
    path = tmp_path / "mine.yaml"
    path.write_text(SMALL)
    assert main([str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: valid\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("run: 'a\n", "line 1: a quotation mark is not closed"),
        (SMALL + "run: b\n", "run: is in line 1 and again in line 3"),
        (SMALL + "sede: 1\n", "sede: unknown key 'sede'; did you mean 'seed'?"),
    ],
)
def test_problems_of_syntax_and_keys_are_printed(tmp_path, capsys, text, message):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    assert main([str(path)]) == 1
    assert message in capsys.readouterr().err


def test_files_that_the_configuration_names_must_exist(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("run: a\ninput: {format: table, sheet: none.csv, channels: {DNA: dna}}\n")
    with pytest.raises(InputError, match=r"there is no file 'none\.csv'"):
        check_file(str(path))


def test_a_file_is_needed(capsys):
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err
