"""Check of all networks of a run before any image is read."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from moascope.classification.training import augmentation, fine_tuning
from moascope.classification.training.options import Augmentation, FineTuning
from moascope.core.errors import InputError, RunWarning
from moascope.core.files import read_json, read_parquet
from moascope.core.named_functions import load_function
from moascope.images import readers
from moascope.networks.keras_defaults import keras
from moascope.networks.options import FrozenNetwork
from moascope.segmentation.implementations.base import Job

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class GivenEngine:
    """Engine whose model is given as a file.

    Parameters
    ----------
    engine : str
        Name of the engine.
    path : str
        The file.
    check : str
        Function that checks it, see `Method.check`.
    options : mapping of str to any
        Options for the check.
    """

    engine: str
    path: str
    check: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class CheckedNetworks:
    """Result of the check: problems stop the run, warnings are part of summary.json."""

    problems: list[str] = field(default_factory=list)
    warnings: list[RunWarning] = field(default_factory=list)


def read_image_size(
    target: str | None, sites: str | None, channel: str, axes: str | None
) -> tuple[int, int] | None:
    """Read the height and width in pixels of the images that units are cut from.

    Parameters
    ----------
    target : str or None
        JSON with the size that all images are brought to; None: they keep their size.
    sites : str or None
        The sites table (parquet), needed without `target`.
    channel : str
        Channel whose files are looked at.
    axes : str or None
        See `readers.read_planes`.

    Returns
    -------
    (int, int) or None
        None if images differ in size, or none is known.
    """
    if target:
        found = read_json(target)["size"]
        return (found[0], found[1]) if found else None
    if sites is None:
        raise ValueError("the size of images needs their target size or the sites table")
    column = f"path:{channel}"
    return readers.common_size(read_parquet(sites, [column])[column].tolist(), axes)


def check_networks(
    networks: Mapping[str, FrozenNetwork | FineTuning],
    channels: Sequence[str],
    unit_shape: tuple[int, int] | None,
    augmentations: Sequence[Augmentation],
) -> CheckedNetworks:
    """Check that the networks of all models can be built, and that units can be augmented.

    Parameters
    ----------
    networks : mapping of str to FrozenNetwork or FineTuning
        By model.
    channels : sequence of str
        Of the units.
    unit_shape : (int, int) or None
        Height and width of the units in pixels; None if that is not known.
    augmentations : sequence of Augmentation
        Applied in order.

    Returns
    -------
    CheckedNetworks
        With a warning for units that are much larger than networks need.
    """
    checked = CheckedNetworks()
    for name, options in networks.items():
        try:
            fine_tuning.check_model(options, channels, unit_shape)
        except InputError as error:
            checked.problems.append(f"models.{name}: {error}")
        warning = fine_tuning.size_warning(name, options, unit_shape)
        if warning:
            checked.warnings.append(
                {"id": warning["id"], "about": warning["about"], "text": warning["text"]}
            )
            logger.warning(warning["text"])
        keras.utils.clear_session()
    if unit_shape and augmentations:
        try:
            augmentation.check(augmentations, unit_shape, len(channels))
        except InputError as error:
            checked.problems.append(str(error))
    return checked


def check_given(engines: Sequence[GivenEngine], channels: Sequence[str]) -> list[str]:
    """Check that given models can be read, and that their channels are there.

    Parameters
    ----------
    engines : sequence of GivenEngine
        The files.
    channels : sequence of str
        Of the images, in the order that engines see them.

    Returns
    -------
    list of str
        A sentence per problem.
    """
    problems = []
    for given in engines:
        job = Job({"model": given.path}, {}, channels, given.options)
        try:
            load_function(given.check)(job)
        except InputError as error:
            problems.append(f"segmentation.engines.{given.engine}: {error}")
    return problems
