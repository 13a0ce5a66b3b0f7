import pytest

from moascope.config.syntax import read_config
from moascope.core.errors import InputError


def problem(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_config(path)
    return str(error.value).removeprefix(str(path))


@pytest.mark.parametrize(
    ("text", "line", "cause"),
    [
        ("run: a\ninput:\n\tsheet: x\n", 3, "is indented by a tab. Fix: set spaces instead"),
        ("run: a\ninput\n  sheet: x\n", 2, "has no colon. Fix: add it after the key"),
        ("run: a\ninput\nseed: 1\n", 2, "has no colon. Fix: add it after the key"),
        ('run: "a\nseed: 1\n', 1, "a quotation mark is not closed. Fix: add it"),
        ("run: a\nreport:\n  title: 'b\n", 3, "a quotation mark is not closed. Fix: add it"),
        ("run: a\ninput: {sheet: [x, y\nseed: 1\n", 2, "a bracket or brace is not closed."),
        ("run: a\n  seed: 1\n", 2, "has a second colon, or more indentation than the keys above."),
        ("run: a: b\n", 1, "has a second colon, or more indentation than the keys above."),
        ("input:\n    sheet: a\n  format: b\n", 3, "is not YAML (expected <block end>"),
    ],
)
def test_an_error_of_syntax_is_explained_with_its_line(tmp_path, text, line, cause):
    assert problem(tmp_path, text).startswith(f", line {line}: {cause}")


def test_other_files_are_refused_with_the_fix(tmp_path):
    assert "has no keys. Fix: add keys" in problem(tmp_path, "- a\n")
    assert "has no keys" in problem(tmp_path, "")
    (tmp_path / "latin.yaml").write_bytes(b"run: \xe9\n")
    with pytest.raises(InputError, match="is not UTF-8 text"):
        read_config(tmp_path / "latin.yaml")
    with pytest.raises(InputError, match="cannot be read"):
        read_config(tmp_path / "none.yaml")


def test_the_shipped_configurations_are_read(repository):
    for path in repository.glob("config/*.yaml"):
        assert read_config(path)["run"]
