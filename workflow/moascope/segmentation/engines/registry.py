"""The methods of segmentation. A new one is a file in this folder and a line here."""

from __future__ import annotations

from moascope.core.registry import find_named
from moascope.segmentation.engines.base import Method
from moascope.segmentation.engines.cellpose import CELLPOSE
from moascope.segmentation.engines.classical import CLASSICAL
from moascope.segmentation.engines.stardist import STARDIST
from moascope.segmentation.engines.unet import UNET

METHODS: tuple[Method, ...] = (
    UNET,
    CLASSICAL,
    STARDIST,
    CELLPOSE,
)


def method_named(name: str) -> Method:
    """Return a method of segmentation by its name.

    Parameters
    ----------
    name : str
        Value of the key `method`.

    Returns
    -------
    Method
        One of `METHODS`.

    Raises
    ------
    InputError
        If there is none; the message suggests the nearest name.
    """
    return find_named(name, METHODS, key="method", kind="method")
