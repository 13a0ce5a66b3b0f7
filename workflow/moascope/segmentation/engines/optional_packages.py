"""Packages that only some rules need, which the environment of the workflow may lack."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata

EXPORT = ("tf2onnx", "onnx", "onnxruntime", "bioimageio-core")
"""To write a BioImage.IO package."""


def missing(names: Iterable[str]) -> list[str]:
    """Return those packages that are not installed here.

    Parameters
    ----------
    names : iterable of str
        As on PyPI.

    Returns
    -------
    list of str
        In the order given.
    """
    return [name for name in names if not _is_installed(name)]


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
