"""Inputs of the rules that make and audit splits."""

from __future__ import annotations

from typing import Any

from moascope.config.root import Config
from moascope.pipeline.inputs.base import RuleInputs, Wildcards


def split_options(config: Config, name: str) -> dict[str, Any]:
    """Return the options of a split that decide which units are in which set.

    Parameters
    ----------
    config : Config
        The configuration.
    name : str
        Name of the split.

    Returns
    -------
    dict
        All keys but `audit`.
    """
    section = config.section(f"splits.{name}")
    return {key: value for key, value in section.items() if key != "audit"}


class SplitInputs(RuleInputs):
    """Inputs and parameters of the rules that make and audit splits."""

    def options(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the options of a split that decide which units are in which set."""
        return split_options(self.config, wildcards.split)

    def all_options(self) -> dict[str, dict[str, Any]]:
        """Return the options of every split, by name."""
        return {name: split_options(self.config, name) for name in self.config.splits}

    def audit_options(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the options of the audit of a split."""
        return self.config.section(f"splits.{wildcards.split}.audit")

    def checked_audit_options(self) -> dict[str, dict[str, Any]]:
        """Return the options of every audit that can be checked before images are read."""
        return {
            name: self.config.section(f"splits.{name}.audit", "groups", "on_leak")
            for name in self.config.splits
        }

    def fixed_list(self, wildcards: Wildcards) -> dict[str, str]:
        """Return the file of a fixed split; nothing for other splits."""
        file = self.config.splits[wildcards.split].file
        return {"file": file} if file else {}

    def fixed_lists(self) -> list[str]:
        """Return the files of all fixed splits."""
        return [split.file for split in self.config.splits.values() if split.file]

    def tiles_per_site(self) -> int | None:
        """Return the number of tiles that a site is cut into; None for cells."""
        units = self.config.units
        return None if units.cells else units.tiles[0] * units.tiles[1]

    def include_controls(self) -> bool:
        """Return whether a split includes control wells."""
        return any(split.include_controls for split in self.config.splits.values())
