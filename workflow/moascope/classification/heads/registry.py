"""List of the types of head; a new one is a file in `kinds` and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moascope.classification.heads.base import HeadOptions, HeadType
from moascope.classification.heads.kinds.gradient_boosting import GRADIENT_BOOSTING
from moascope.classification.heads.kinds.lda import LDA
from moascope.classification.heads.kinds.logistic import LOGISTIC
from moascope.classification.heads.kinds.mlp import MLP
from moascope.classification.heads.kinds.svm import SVM
from moascope.core.registry import find_named

HEADS: tuple[HeadType, ...] = (
    LDA,
    LOGISTIC,
    SVM,
    GRADIENT_BOOSTING,
    MLP,
)
"""All types of head, in the order of the documentation."""


def get(name: str) -> HeadType:
    """Return the type of head with a name.

    Parameters
    ----------
    name : str
        As in `head.type` of the configuration.

    Returns
    -------
    HeadType
        From `HEADS`.

    Raises
    ------
    InputError
        If there is none.
    """
    return find_named(name, HEADS, key="head.type", kind="type of head")


def read_options(values: Mapping[str, Any]) -> HeadOptions:
    """Read the options of a head from plain values.

    Parameters
    ----------
    values : mapping
        ``type``, and options of this type; those that are absent have their defaults.

    Returns
    -------
    HeadOptions
        Of the class of the type.

    Raises
    ------
    InputError
        For an unknown type.
    pydantic.ValidationError
        For options that the type does not have, or values out of range.
    """
    return get(str(values.get("type"))).options.model_validate(values)
