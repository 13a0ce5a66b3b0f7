"""Rules for configurations of images without plates or wells (formats `classes` and `idx`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from moascope.screen.formats.registry import find_format, has_plates

if TYPE_CHECKING:
    from moascope.config.root import Config
    from moascope.splits.options import Split

_INPUT_KEYS = (
    "moa_table",
    "moa_table_columns",
    "platemap",
    "platemaps",
    "platemap_columns",
    "plate_format",
    "batch_from_plate",
    "controls",
    "zero_dose",
)
_OWN_COLUMNS = {"label", "set"}
_METHODS = ("stratified-k-fold", "group-k-fold", "leave-one-group-out", "fixed")


def _problems_of_input(section: Any) -> list[str]:
    keys = [key for key in _INPUT_KEYS if key in section.model_fields_set]
    has_sheet = "sheet" in find_format(section.format).used_keys
    own = _OWN_COLUMNS if has_sheet else set()
    columns = sorted(section.columns.model_fields_set - own)
    keys += [f"columns.{name}" for name in columns]
    return [
        f"input.{key}: format {section.format!r} has no plates, compounds or controls; remove it"
        for key in keys
    ]


def fit_defaults(config: Config) -> Config:
    """Return a configuration with defaults that fit images without plates.

    The audit of a split then compares images and all free groups.

    Parameters
    ----------
    config : Config
        The configuration, which stays as it is.

    Returns
    -------
    Config
        The same object where there are plates.
    """
    if config.input is None or has_plates(config.input.format):
        return config
    groups = ["image", *config.input.groups]
    splits = {name: _with_audited_groups(split, groups) for name, split in config.splits.items()}
    return config.model_copy(update={"splits": splits})


def _with_audited_groups(split: Split, groups: list[str]) -> Split:
    if "groups" in split.audit.model_fields_set:
        return split
    audit = split.audit.model_copy(update={"groups": groups})
    return split.model_copy(update={"audit": audit})


def problems_of_classes(config: Any) -> list[str]:
    """Return what a configuration asks of images that have no plates.

    Parameters
    ----------
    config : Config
        With the section `input`.

    Returns
    -------
    list of str
        A sentence per key that asks for plates, compounds or controls.
    """
    if has_plates(config.input.format):
        return []
    return [
        *_problems_of_input(config.input),
        *_problems_of_splits(config),
        *_problems_of_normalization(config),
    ]


def _problems_of_splits(config: Any) -> Iterator[str]:
    groups = list(config.input.groups)
    named = ", ".join(groups) or "none yet; name columns of the sheet in input.groups"
    for name, split in config.splits.items():
        if split.method not in _METHODS:
            yield (
                f"splits.{name}.method: {split.method!r} holds out groups that format "
                f"{config.input.format!r} does not have; set stratified-k-fold, fixed, or "
                f"group-k-fold or leave-one-group-out with `group` (there are: {named})"
            )
        elif split.method in ("group-k-fold", "leave-one-group-out"):
            unknown = [column for column in split.group if column not in (*groups, "image")]
            if unknown:
                yield (
                    f"splits.{name}.group: {unknown[0]!r} is no group of the images; use a name of "
                    f"input.groups (there are: {named})"
                )
        if split.include_controls:
            yield (
                f"splits.{name}.include_controls: format {config.input.format!r} has no "
                "controls; remove it"
            )


def _problems_of_normalization(config: Any) -> Iterator[str]:
    for number, step in enumerate(config.normalization.steps):
        if step.takes_statistics_of_plate():
            what = "controls" if step.scope == "controls" else "plates"
            yield (
                f"normalization.steps[{number}].scope: {step.scope!r} takes statistics from "
                f"{what}, and format {config.input.format!r} knows none; use image"
            )
