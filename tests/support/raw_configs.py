"""Short configurations, and what is said about wrong ones."""

import copy
from typing import Any

import pytest

from moascope.config import loading
from moascope.core.errors import InputError

MINIMAL = {
    "run": "mine",
    "input": {
        "format": "table",
        "sheet": "sheet.csv",
        "channels": {"DNA": "dna", "Actin": "actin"},
    },
}
CHANNELS = {"DNA": "d", "Actin": "a"}
SCREEN = {
    "run": "mine",
    "input": {"format": "table", "sheet": "sheet.csv", "channels": CHANNELS},
    "splits": {"loco": {"method": "leave-one-compound-out"}},
}
TEXTURE = {"features": ["hand-crafted"]}


def problems(raw: dict[str, Any]) -> str:
    """Return the message that refuses a configuration."""
    with pytest.raises(InputError) as caught:
        loading.load(raw, "mine.yaml")
    return str(caught.value)


def model(**options: Any) -> dict[str, Any]:
    """Return a configuration with one model, `m`, that has the given options."""
    splits = {"loco": {"method": "leave-one-compound-out"}}
    options = {"split": "loco", "channel_mapping": "inflate", **options}
    return {**MINIMAL, "splits": splits, "models": {"m": options}}


def engine_problems(**engine: Any) -> str:
    """Return the message that refuses an engine, `e`, with the given options."""
    return problems({**MINIMAL, "segmentation": {"engines": {"e": engine}}})


def with_model(**options: Any) -> dict[str, Any]:
    """Return a screen with one model, `m`, that needs more options to be right."""
    return copy.deepcopy({**SCREEN, "models": {"m": {"split": "loco", **options}}})


def problem_lines(raw: dict[str, Any]) -> list[str]:
    """Return the problems of a configuration, one each."""
    with pytest.raises(InputError) as caught:
        loading.load(raw)
    return [line.removeprefix("  - ") for line in str(caught.value).splitlines()[1:]]
