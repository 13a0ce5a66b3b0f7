"""Inputs of rules for small configurations."""

from types import SimpleNamespace
from typing import Any

from moascope.config import loading
from moascope.core.paths import Paths

SIMULATED = {
    "run": "small",
    "input": {"format": "simulate", "channels": {"DNA": "DNA", "Actin": "Actin", "ER": "ER"}},
}

PLATES = ["P1", "P2", "P3"]


def build(kind: type, *parts: Any, plates: list[str] | None = None, **sections: Any) -> Any:
    """Build the inputs of a stage, for a simulated screen and further sections."""
    config = loading.load({**SIMULATED, **sections})
    return kind(config, Paths(config.run), PLATES if plates is None else plates, *parts)


def wildcards(**values: str) -> SimpleNamespace:
    """Return wildcards as Snakemake gives them to input functions."""
    return SimpleNamespace(**values)
