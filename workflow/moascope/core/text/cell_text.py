"""Text of table cells: one spelling per name, and what spreadsheets leave in cells.

Free of pandas on purpose, as `sheets` is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

# Invisible characters that Unicode does not class as format characters: the grapheme joiner,
# Hangul and Khmer fillers, and variation selectors.
_FILLERS = frozenset(
    map(chr, [0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, *range(0xFE00, 0xFE10)])
)
# Format characters that are drawn: Arabic and Kaithi number signs and the like.
_VISIBLE = frozenset(
    map(chr, [*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD])
)
# The full-width forms of ASCII, and the micro sign, which is written for the Greek letter mu.
_SAME = {**{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}, 0xB5: 0x3BC}
_SPACES = ("Zs", "Zl", "Zp")

# What spreadsheets show where a formula fails, in the languages that they speak: a number sign,
# one or two words in capitals and a mark, or one of the words that have none.
_FAILED = re.compile(
    r"#[¡¿]?\w+(?:[ /]\w+)*[!?]"
    r"|#N/A N/A"
    r"|#(?:N/?A|NV|N/D|N/B|I/T|YOK|Н/Д|SAKNAS|HIÁNYZIK|GETTING_DATA|NENÍ_K_DISPOZICI)"
    r"|#{3,}"
    r"|(?:Err|Fehler|Erreur|Errore|Erro|Error|Fout)\s?:\s?\d{3}"
)
_SCIENTIFIC = re.compile(r"(\d)(?:[.,](\d+))?[eE]\+0*(\d{1,2})")
_WHOLE = re.compile(r"-?\d+(?:\.0+)?")
_MONTHS = "Jan|Feb|Mar|Mär|Mrz|Apr|May|Mai|Jun|Jul|Aug|Sep|Sept|Oct|Okt|Nov|Dec|Dez"
_DATE = re.compile(
    rf"\d{{1,2}}[-. /](?:{_MONTHS})|(?:{_MONTHS})[-. /]\d{{1,4}}"
    r"|\d{1,2}/\d{1,2}/\d{2,4}|\d{1,2}\.\d{1,2}\.\d{2,4}|\d{4}-\d{2}-\d{2}(?: 00:00:00)?",
    re.IGNORECASE,
)

NOT_GIVEN = frozenset(
    ["", "na", "n/a", "n.a.", "nan", "<na>", "none", "null", "nil", "-", "--", "–"]
)
"""Words of programs for an empty cell, in small letters."""

UNKNOWN = frozenset(
    ["unknown", "not known", "unclear", "unannotated", "n.d.", "nd", "tbd", "?", "??"]
)
"""Words of people for what is not known, in small letters."""


def clean(text: str) -> str:
    """Return the one spelling of a text, as every name from a table or the configuration is kept.

    Parameters
    ----------
    text : str
        A cell, a column name, or a name in the configuration.

    Returns
    -------
    str
        In Unicode's composed form (NFC); without invisible format characters (zero-width spaces and
        joiners, soft hyphens, marks of direction) and surrounding blanks; spaces of all kinds are
        plain spaces, full-width letters and digits are ASCII, and the micro sign is the letter mu.
    """
    if text.isascii():
        return text.strip()
    kept = "".join(" " if _is_space(mark) else mark for mark in text if not _is_invisible(mark))
    return unicodedata.normalize("NFC", kept.translate(_SAME)).strip()


def changed_characters(text: str) -> str:
    """Return the characters by which a text differs from its clean form, such as `U+200B`.

    Parameters
    ----------
    text : str
        A text with `clean(text) != text`.

    Returns
    -------
    str
        Each character once with its name, at most three.
    """
    composed = unicodedata.normalize("NFC", text)
    marks = [
        mark
        for mark in text
        if _is_invisible(mark) or (_is_space(mark) and mark != " ") or ord(mark) in _SAME
    ]
    if not marks and composed != text:
        marks = [mark for mark in text if unicodedata.combining(mark)] or list(text)
    return ", ".join(code_point(mark) for mark in list(dict.fromkeys(marks))[:3])


def code_point(character: str) -> str:
    """Return the number and the name of a character, such as `U+200B ZERO WIDTH SPACE`."""
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".rstrip()


def describe_difference(one: str, other: str) -> str:
    """Return where two texts that may look alike begin to differ, in code points.

    Parameters
    ----------
    one, other : str
        Two different texts.

    Returns
    -------
    str
        For example `character 3 is U+00E4 LATIN SMALL LETTER A WITH DIAERESIS, not U+0061 ...`.
    """
    place = next(
        (number for number, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]),
        min(len(one), len(other)),
    )
    words = [code_point(text[place]) if place < len(text) else "the end" for text in (one, other)]
    return f"character {place + 1} is {words[0]}, not {words[1]}"


def amount(number: int, noun: str) -> str:
    """Return a number with what is counted: 1 row, 1,200 rows."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def is_failed_formula(text: str) -> bool:
    """Return whether a clean cell is the error of a spreadsheet, such as `#N/A` or `#BEZUG!`."""
    if not text.startswith(("#", "E", "F")):
        return False
    is_capital = text[0] != "#" or text == text.upper()
    return is_capital and _FAILED.fullmatch(text) is not None


def refuse_failed_formula(text: str) -> str:
    """Return why a cell with the error of a spreadsheet is refused, as the end of a sentence."""
    return (
        f"{text!r} is the error of a spreadsheet; correct the look-up or the formula, or leave the "
        "cell empty"
    )


def lost_digits(text: str) -> bool:
    """Return whether a clean cell is a number in scientific notation that lacks digits.

    Spreadsheets write 410003000123 as 4.10003E+11: another number, and perhaps another name.
    """
    match = _SCIENTIFIC.fullmatch(text)
    return match is not None and len(match[2] or "") < int(match[3])


def looks_like_date(text: str) -> bool:
    """Return whether a clean cell looks like what spreadsheets make of names such as SEP2."""
    return _DATE.fullmatch(text) is not None


def undo_numbers(cells: Sequence[str]) -> list[str]:
    """Restore names that a program took for numbers: 1.0 to 1, 4.1E+03 to 4100.

    Parameters
    ----------
    cells : sequence of str
        A column of clean cells.

    Returns
    -------
    list of str
        Decimals that are zero are dropped where all cells are whole numbers. Scientific notation is
        written out where it has all digits.
    """
    whole = [_written_out(cell) for cell in cells]
    if any("." in cell for cell in whole) and all(_WHOLE.fullmatch(cell) for cell in whole if cell):
        return [cell.partition(".")[0] for cell in whole]
    return whole


def _written_out(cell: str) -> str:
    match = _SCIENTIFIC.fullmatch(cell) if "+" in cell else None
    if match is None or lost_digits(cell) or len(match[2] or "") > int(match[3]):
        return cell
    return match[1] + (match[2] or "")


def _is_invisible(mark: str) -> bool:
    is_format = unicodedata.category(mark) == "Cf" and mark not in _VISIBLE
    return is_format or mark in _FILLERS


def _is_space(mark: str) -> bool:
    return unicodedata.category(mark) in _SPACES
