"""Facts about a run that the inputs of all rules depend on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from moascope.config.root import Config
from moascope.core.paths import Paths

Wildcards = Any
"""The wildcards of a job: an object with an attribute per wildcard, such as `plate`."""


@dataclass(frozen=True)
class RuleInputs:
    """Inputs and parameters of the rules of a stage.

    Parameters
    ----------
    config : Config
        The validated configuration.
    paths : Paths
        Paths of the run.
    plates : sequence of str
        All plates of the screen, sorted; none without a screen.
    """

    config: Config
    paths: Paths
    plates: Sequence[str]

    @property
    def has_screen(self) -> bool:
        """Return whether there is a screen: images with metadata, not only annotated images."""
        return self.config.input is not None

    @property
    def is_simulated(self) -> bool:
        """Return whether the screen is simulated."""
        return self.config.input is not None and self.config.input.makes_images()

    @property
    def finds_cells(self) -> bool:
        """Return whether an engine segments the images of the screen."""
        return self.has_screen and bool(self.config.segmentation.engines)

    @property
    def has_masks(self) -> bool:
        """Return whether the screen has reference masks for its engines."""
        screen = self.config.input
        return self.finds_cells and screen is not None and screen.columns.mask is not None

    @property
    def channels(self) -> list[str]:
        """Return the channels of the screen, in order."""
        return list(self.config.input.channels) if self.config.input else []

    def all_plates(self, pattern: str) -> list[str]:
        """Return one path per plate."""
        return fill(pattern, plate=self.plates)


def fill(pattern: str, **values: Iterable[object]) -> list[str]:
    """Return one path per value of a wildcard.

    Parameters
    ----------
    pattern : str
        Path with the wildcard in braces.
    **values : iterable
        Name and values of the one wildcard.

    Returns
    -------
    list of str
        In the order of the values.
    """
    ((name, found),) = values.items()
    return [pattern.format(**{name: value}) for value in found]


def match_names(names: Iterable[str]) -> str:
    """Return a wildcard constraint that matches these names only."""
    return "|".join(names) or "none-of-these-is-configured"
