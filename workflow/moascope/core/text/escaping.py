"""Text of unknown origin, made safe to show in a terminal, a log or a web page."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

# Blanks and line ends of other scripts are text; all else that is not printable can move the
# cursor, change colours or reverse the direction of what follows.
_HARMLESS = ("\n", "\t")
_MAX_SHOWN = 200


def escape_controls(text: str) -> str:
    r"""Return text without characters that a terminal obeys.

    Parameters
    ----------
    text : str
        Any text, also file names with bytes that are not UTF-8.

    Returns
    -------
    str
        Line feeds, tabs and blanks are kept; every other character that is not printable is
        written as in Python, for example ``\x1b`` for the escape character.
    """
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable()
        or character in _HARMLESS
        or unicodedata.category(character) == "Zs"
        else _escaped(character)
        for character in text
    )


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte of a file name that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def has_controls(text: str) -> bool:
    """Return whether text has characters that no name needs: controls, line ends, broken UTF-8.

    Parameters
    ----------
    text : str
        A path or a name.

    Returns
    -------
    bool
        True for control characters, line and paragraph separators and single surrogates.
    """
    if text.isprintable():
        return False
    return any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text)


def show(value: object) -> str:
    """Return a value as Python writes it, shortened, for a message.

    Parameters
    ----------
    value : object
        Anything, also numbers too long to be written out.

    Returns
    -------
    str
        At most some 200 characters.
    """
    try:
        text = repr(value)
    except ValueError:  # Python refuses to write integers of more than 4,300 digits
        return "a number of more than 4,300 digits"
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}... ({len(text):,} characters)"


def json_for_html(content: Any) -> str:
    r"""Return JSON that can stand inside a script element of a web page.

    Parameters
    ----------
    content : JSON-serialisable
        For example a configuration.

    Returns
    -------
    str
        ASCII without ``<``, ``>`` and ``&``, which are written as ``\u003c`` and so on. Snakemake
        copies the parameters of jobs into a script element of its report as they are, where
        ``</script>`` would end the element and what follows would run.
    """
    text = json.dumps(content)
    for mark in "<>&":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text
