"""Docstrings begin plainly, and some words are not used."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PROSE = ["README.md", "CONTRIBUTING.md", "config", "docs", "profiles", "workflow"]
"""Files and folders whose text is checked for banned words."""

BANNED = re.compile(
    r"\b(anew|mend(?:s|ed|ing)?|beside|passed over|known objects?|asked for|learnt|taken in)\b",
    re.IGNORECASE,
)

_VERBS = """
Add Apply Assign Augment Average Begin Blur Build Calibrate Call Change Check Choose Clip Close
Collect Compare Compile Compose Compress Compute Convert Copy Correct Count Crop Cut Decompress
Describe Digest Divide Download Draw Drop Encode Enlarge Estimate Evaluate Expand Explain Export
Extract Fill Filter Find Fine-tune Fit Flag Flip Fold Format Generate Group Hash Import Increase
Index Iterate Join Keep List Load Lock Log Make Map Mark Match Measure Merge Move Name Normalize
Note Number Open Order Parse Permute Pick Pool Predict Prepare Print Put Raise Rank Read Rebuild
Reduce Refuse Register Remove Rename Render Repeat Replace Report Require Resample Resize Restore
Restrict Return Review Rotate Round Run Sample Save Scale Score Search Segment Select Set Shorten
Shrink Shuffle Simulate Smear Sort Split Spread Start Stop Store Subtract Suggest Sum Summarise Test
Train Tune Update Validate Vary Wait Warn Weight Wrap Write Yield
"""
VERBS = frozenset(_VERBS.split())
"""First words of docstrings of functions; other imperative verbs may be added."""

CLAUSES = ("What", "Where", "How", "Which", "Who", "When", "Whether", "That")


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
