"""Damaged bytes and odd values, drawn at random, in tests of what may come out of them.

Every run of the tests draws the same few hundred cases. Thousands of new ones are drawn by
`pytest -n 0 --hypothesis-profile long tests/robustness/test_fuzz_*.py`.
"""

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

IS_LONG = settings.get_current_profile_name() == "long"
LONG_FACTOR = 20

# What ends up in sizes, counts, offsets and lengths.
_NUMBERS = [b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80"]


def cases(count: int) -> Callable[[Any], Any]:
    """Set how many cases a test draws; the same ones in every run but a long one."""
    return settings(
        max_examples=count * (LONG_FACTOR if IS_LONG else 1),
        derandomize=not IS_LONG,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


_places = st.one_of(st.integers(0, 400), st.integers(0, 2**20))
_pieces = st.one_of(st.sampled_from(_NUMBERS), st.binary(min_size=1, max_size=8))
_edits = st.lists(
    st.tuples(
        st.sampled_from(["flip", "write", "insert", "remove", "cut"]),
        _places,
        st.booleans(),  # counted from the end
        st.integers(0, 7),
        _pieces,
    ),
    min_size=1,
    max_size=5,
)


def damage(valid: bytes) -> st.SearchStrategy[bytes]:
    """Flip, overwrite, insert, remove or cut off bytes of a valid file."""
    return _edits.map(lambda edits: _apply(valid, edits))


def _apply(valid: bytes, edits: list[Any]) -> bytes:
    content = bytearray(valid)
    for kind, place, from_end, bit, piece in edits:
        if not content:
            break
        at = place % len(content)
        at = len(content) - 1 - at if from_end else at
        if kind == "flip":
            content[at] ^= 1 << bit
        elif kind == "write":
            content[at : at + len(piece)] = piece
        elif kind == "insert":
            content[at:at] = piece
        elif kind == "remove":
            del content[at : at + len(piece)]
        elif at % 4 == 0:
            del content[at:]
    return bytes(content)


ODD_TEXTS = st.sampled_from(
    [
        *("", " ", "null", "NA", "nan", "-1", "0", "1e999", "9" * 40, "9" * 5000, "\u0663", "٣"),
        *("\x00", "\x1b[2J", "a\nb", '"', "'", '"""', ",,,", "=1+1", "\ufeff", "\u202e", "\ud800"),
        *("../..", "/", "//", "/etc/passwd", "~", "a/" * 2500, "x" * 5000, "C:\\a", "file://["),
        *("http://[::1", "file:///%00", "s3://b/k", "(?P<plate>", "(a+)+$", "a{9999999999}", "</"),
        *("A01", "r01c01", "ZZ999", "A0", "P1", "DMSO", "dmso ", "{plate}", "%s", "{", "#N/A"),
    ]
)

ODD_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.builds(lambda: 16**5000),  # made anew, as Python refuses to write it out
        st.sampled_from([-(10**30), 0, 1, 2**31, 2**63]),
        st.floats(),
        st.text(max_size=8),
        ODD_TEXTS,
        st.dates(),
        st.binary(max_size=4),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(ODD_TEXTS, st.integers(), st.none()), inner, max_size=3),
        st.tuples(inner),
    ),
    max_leaves=4,
)
