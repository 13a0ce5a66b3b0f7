"""Plurals of English nouns."""

from __future__ import annotations


def plural_of(noun: str) -> str:
    """Return the plural of an English noun, regular or in -sis; of "x of y", that of x."""
    head, of, rest = noun.partition(" of ")
    if of:
        return plural_of(head) + of + rest
    if noun.endswith("sis"):
        return noun[:-2] + "es"
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"
