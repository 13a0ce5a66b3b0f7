"""Files of StarDist models: a folder as StarDist keeps it, or a zip file of one."""

from __future__ import annotations

import importlib
import json
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from moascope.core.damage import check_declared, machine_error
from moascope.core.errors import InputError
from moascope.core.files import atomic_path, damaged, scratch_folder, write_zip
from moascope.segmentation.channel_maps import matched_channels
from moascope.segmentation.data.object_sizes import ABOUT

CONFIG = "config.json"
THRESHOLDS_FILE, WEIGHTS = "thresholds.json", "weights_best.h5"


def shown_channels(
    model: str | os.PathLike[str], channels: Sequence[str], channel_map: Mapping[str, str]
) -> list[str]:
    """Find the channels of the images that a model is shown.

    Parameters
    ----------
    model : str or path
        See `stardist`.
    channels : sequence of str
        Of the images.
    channel_map : mapping of str to str
        See `channel_maps.matched_channels`.

    Returns
    -------
    list of str
        In the order of a model that names its channels; for another one, those of the images.

    Raises
    ------
    InputError
        If a channel is not there, or there is a map but the model names no channels.
    """
    trained = read_description(Path(model)).get("channels")
    if trained is None and channel_map:
        raise InputError(
            f"{os.fspath(model)}: channel_map: the model does not name its channels. Remove "
            "channel_map, and name the channels that it is to see in segmentation.channels."
        )
    return (
        list(channels)
        if trained is None
        else matched_channels(trained, channels, channel_map, model)
    )


def read_description(path: Path) -> dict[str, Any]:
    """Read what a model that was fitted or tuned here says of itself; others say nothing."""
    if path.is_file():
        with unpacked(path) as folder:
            return read_description(folder)
    if not (path / ABOUT).is_file():
        return {}
    try:
        return dict(json.loads((path / ABOUT).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise damaged(path / ABOUT, error) from error


def load_network(kind: Any, model: str | os.PathLike[str], channels: Sequence[str]) -> Any:
    """Load the network of a model.

    Parameters
    ----------
    kind : type
        `stardist.models.StarDist2D`.
    model : str or path
        Folder, zip file or published name, see `implementations.stardist.stardist`.
    channels : sequence of str
        Of the images; their number must be that of a model that names its channels.

    Returns
    -------
    stardist.models.StarDist2D
        With its stored thresholds.

    Raises
    ------
    InputError
        If the model cannot be found, fetched or read, or has another number of channels.
    """
    path = Path(model)
    if path.is_file():
        with unpacked(path) as folder:
            return _read(kind, folder, path, channels)
    if (path / CONFIG).is_file():
        return _read(kind, path.resolve(), path, channels)
    known = sorted(_published(kind))
    if str(model) not in known:
        raise InputError(
            f"engine stardist: {str(model)!r} is neither a folder with config.json, nor a zip file "
            f"of one, nor a published model ({', '.join(known)}). Give the path of a trained "
            "model, or one of these names."
        )
    try:
        return kind.from_pretrained(str(model))
    except Exception as error:  # a download fails in as many ways as there are networks
        raise InputError(
            f"engine stardist: the model {model} cannot be downloaded ({error}). Download "
            f"{model}.zip from github.com/stardist/stardist-models/releases elsewhere, and give "
            "its path instead of its name."
        ) from error


def _read(kind: Any, folder: Path, given: Path, channels: Sequence[str]) -> Any:
    if not any(folder.glob("*.h5")):  # StarDist would go on with random weights
        raise InputError(f"{given}: has no weights ({WEIGHTS}). Copy all files of the model.")
    try:
        about = json.loads((folder / ABOUT).read_text()) if (folder / ABOUT).is_file() else {}
        network = kind(None, name=folder.name, basedir=str(folder.parent))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise machine_error(given, error) or InputError(
            f"{given}: cannot be read as a StarDist model ({error}). It needs config.json, "
            "thresholds.json and weights_best.h5 as StarDist wrote them."
        ) from error
    if channels and about.get("channels") and len(about["channels"]) != len(channels):
        raise InputError(
            f"{given}: channels: the model has {about['channels']}, the images have "
            f"{list(channels)}. Correct segmentation.channels, or set channel_map of the engine."
        )
    return network


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Extract the files of a model to a folder that goes away again."""
    with scratch_folder() as place:
        folder = place / "model"
        folder.mkdir()
        contents: dict[str, bytes] = {}
        try:
            with zipfile.ZipFile(path) as archive:
                check_declared(archive, path)
                for name in archive.namelist():
                    file = Path(name).name  # whatever folder it says
                    if file.startswith("."):  # what some archivers add to every file
                        continue
                    if file in (CONFIG, THRESHOLDS_FILE, ABOUT) or file.endswith(".h5"):
                        contents[file] = archive.read(name)
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError) as error:
            raise InputError(
                f"{path}: cannot be read as a zip file of a StarDist model ({error}). Give a "
                "whole zip file, or a folder."
            ) from error
        for file, content in contents.items():
            (folder / file).write_bytes(content)
        if CONFIG not in contents:
            raise InputError(
                f"{path}: is no StarDist model, as it holds no config.json. Give a zip file of all "
                "files of a model."
            )
        yield folder


def _published(kind: Any) -> list[str]:
    models, _ = importlib.import_module("csbdeep.models.pretrained").get_registered_models(kind)
    return list(models)


def pack(network: Any, about: dict[str, Any], out: str | os.PathLike[str]) -> None:
    """Write a network and its description to a zip file, as `load_network` reads it.

    Parameters
    ----------
    network : stardist.models.StarDist2D
        With a folder that holds its configuration and its best weights.
    about : mapping
        Description, ready for JSON.
    out : path
        The zip file.
    """
    files = {
        CONFIG: (network.logdir / CONFIG).read_bytes(),
        THRESHOLDS_FILE: json.dumps(network.thresholds._asdict()).encode(),
        WEIGHTS: (network.logdir / WEIGHTS).read_bytes(),
        ABOUT: json.dumps(about, indent=2).encode(),
    }
    with atomic_path(out) as temporary:
        write_zip(files, temporary)
