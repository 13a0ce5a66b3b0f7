"""Short configurations, and what is said about wrong ones."""

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
