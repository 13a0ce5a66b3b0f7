"""Docstrings begin plainly, messages have short sentences, and some words are not used."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from moascope.config.documents import json_schema

PROSE = ["README.md", "CONTRIBUTING.md", "config", "docs", "profiles", "workflow"]
"""Files and folders whose text is checked for banned words."""

BANNED = re.compile(
    r"\b(anew|mend(?:s|ed|ing)?|beside|passed over|known objects?|asked for|learnt|taken in)\b",
    re.IGNORECASE,
)

_VERBS = """
Add Apply Assign Augment Average Begin Blur Build Calibrate Call Change Check Choose Clip Close
Collect Compare Compile Compose Compress Compute Convert Convolve Copy Correct Count Crop Cut
Decompress Describe Digest Divide Download Draw Drop Encode Enlarge Estimate Evaluate Expand
Explain Export Extract Fill Filter Find Fine-tune Fit Flag Flatten Flip Fold Format Generate Group
Hash Import Increase Index Iterate Join Keep List Load Lock Log Make Map Mark Match Measure Merge
Move Name Normalize Note Number Open Order Parse Permute Pick Pool Predict Prepare Print Put Raise
Rank Read Rebuild Reduce Refuse Register Remove Rename Render Repeat Replace Report Require
Resample Resize Restore Restrict Return Review Rotate Round Run Sample Save Scale Score Search
Segment Select Set Shorten Shrink Shuffle Simulate Smear Sort Split Spread Start Stop Store
Subtract Suggest Sum Summarise Test Train Tune Unpack Update Validate Vary Wait Warn Weight Wrap
Write Yield
"""
VERBS = frozenset(_VERBS.split())
"""First words of docstrings of functions; other imperative verbs may be added."""

CLAUSES = ("What", "Where", "How", "Which", "Who", "When", "Whether", "That")


UNCLEAR = re.compile(
    r"\b(which one|how it|what it|as of the|as it is|nothing is left|not looked at|leads? out of|"
    r"speaks? of|tells of|knows? no(?:ne)?|is not said|so many|goes? on|no file that|"
    r"whatever|tell apart|is left to|had better)\b",
    re.IGNORECASE,
)
"""Words that messages and descriptions of configuration keys avoid."""

MOST_WORDS = 25
"""Number of words that a sentence of a message may have; a placeholder counts as one."""

_REPORTING = """
InputError ImageError DamagedImageError MissingImageError ValueError RuntimeError Warning Field
collect debug info warning error append extend add note refuse
"""
REPORTING = frozenset(_REPORTING.split())
"""Functions and methods whose texts are read by users."""


def first_word(docstring: str) -> str:
    return docstring.lstrip().partition(" ")[0].rstrip(".,:;")


def is_property(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    names = {ast.unparse(decorator).rpartition(".")[2] for decorator in node.decorator_list}
    return bool(names & {"property", "cached_property"})


def unplain_docstrings(source: str) -> Iterator[str]:
    """Yield the names of definitions whose docstrings do not begin as they should."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        docstring = ast.get_docstring(node)
        if not docstring:
            continue
        name, word = getattr(node, "name", "module"), first_word(docstring)
        is_noun = isinstance(node, ast.Module | ast.ClassDef) or is_property(node)
        is_plain = word not in CLAUSES if is_noun else name.startswith("_") or word in VERBS
        if not is_plain:
            yield f"{name}: {word}"


def banned_words(text: str) -> list[str]:
    return [match[0].lower() for match in BANNED.finditer(re.sub(r"\s+", " ", text))]


def text_of(node: ast.AST) -> str | None:
    """Return a literal text, with X for each placeholder; None for other nodes."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or "X" for part in node.values)
    return None


def literals(node: ast.AST) -> Iterator[str]:
    """Yield the texts below a node; those within placeholders belong to a text themselves."""
    text = text_of(node)
    if text is not None:
        yield text
        return
    for child in ast.iter_child_nodes(node):
        yield from literals(child)


def messages(source: str) -> Iterator[str]:
    """Yield the texts that users read: arguments of errors, logs and configuration keys."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).rpartition(".")[2]
            if name in REPORTING:
                values = [*node.args, *(keyword.value for keyword in node.keywords)]
                yield from (text for value in values for text in literals(value))


def long_sentences(text: str) -> list[str]:
    """Return the sentences of a text that have too many words; a place ends with a colon."""
    sentences = re.split(r"[.;:?!](?:\s+|$)|\n", text)
    return [each for each in sentences if len(re.findall(r"\S*\w\S*", each)) > MOST_WORDS]


def texts_of(folder: Path) -> Iterator[Path]:
    paths = [folder] if folder.is_file() else sorted(folder.rglob("*"))
    yield from (
        path for path in paths if path.suffix in (".py", ".smk", ".md", ".rst", ".j2", ".yaml")
    )


def test_docstrings_begin_with_a_verb_or_a_noun(repository):
    found = [
        f"{path.relative_to(repository)}: {problem}"
        for path in texts_of(repository / "workflow/moascope")
        for problem in unplain_docstrings(path.read_text("utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize("name", PROSE)
def test_banned_words_are_not_used(repository, name):
    found = [
        f"{path.relative_to(repository)}: {word}"
        for path in texts_of(repository / name)
        for word in banned_words(path.read_text("utf-8"))
    ]
    assert found == []


def test_messages_and_descriptions_are_short_and_clear(repository):
    found = [
        f"{path.relative_to(repository)}: {problem}"
        for folder in ("workflow/moascope", "workflow/scripts")
        for path in texts_of(repository / folder)
        for text in messages(path.read_text("utf-8"))
        for problem in [*long_sentences(text), *(hit[0] for hit in UNCLEAR.finditer(text))]
    ]
    assert found == []


def test_descriptions_of_all_keys_are_short_and_clear():
    schema = json.dumps(json_schema())
    texts = re.findall(r'"description": "((?:[^"\\]|\\.)*)"', schema)
    assert len(texts) > 200
    assert [text for text in texts if long_sentences(text) or UNCLEAR.search(text)] == []


def test_texts_of_errors_logs_and_keys_are_found():
    source = """
raise InputError(f"{place}: wrong. Fix: {'a' if b else 'c'}")
logger.warning("%s is left out", name)
size: int = Field(1, description="side in pixels")
problems.append("one" if x else "other")
open("a file")
"""
    assert list(messages(source)) == [
        "X: wrong. Fix: X", "%s is left out", "side in pixels", "one", "other",
    ]  # fmt: skip


def test_a_placeholder_is_one_word_and_a_colon_ends_a_sentence():
    words = " ".join(["word"] * 24)
    assert long_sentences(f"place: {words} X") == []
    assert len(long_sentences(f"{words} X more. Fix: correct it")) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("computed anew", ["anew"]),
        ("the known\nobjects", ["known objects"]),
        ("Mended, and learnt", ["mended", "learnt"]),
        ("recommend besides, obtained in", []),
    ],
)
def test_banned_words_are_found_across_lines_and_not_within_words(text, words):
    assert banned_words(text) == words


def test_unplain_docstrings_are_found():
    source = '''"""What a module is."""
class A:
    """Where it is."""
    @property
    def b(self):
        """The name."""
    def c(self):
        """Gives a name."""
    def _d(self):
        """Gives a name."""
def e():
    """Return a name."""
'''
    assert list(unplain_docstrings(source)) == ["module: What", "A: Where", "c: Gives"]
