"""A trained U-Net for other programs: ONNX and Keras weights in one BioImage.IO package.

The package follows the BioImage.IO model description 0.5: it takes raw intensities, scales them as
MoAscope does, and gives class probabilities and distance. It is tested by bioimageio.core before it
is written. From export to export only the files of weights differ, by a date and by names inside.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import logging
import os
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from moascope.core.errors import InputError
from moascope.core.files import atomic_path, scratch_folder, write_zip
from moascope.images.intensities import percentiles, scaled
from moascope.networks.keras_defaults import keras, layers
from moascope.networks.layers import ChannelMap
from moascope.segmentation.channel_maps import matched_channels
from moascope.segmentation.data.annotated_set import AnnotatedSet
from moascope.segmentation.engines import optional_packages
from moascope.segmentation.unet import saving
from moascope.segmentation.unet.export_documents import (
    TOLERANCE,
    description,
    documentation,
    smallest_side,
)
from moascope.segmentation.unet.targets import CLASSES

logger = logging.getLogger(__name__)

_LARGEST_TEST = 512  # px


def export(
    model: str | os.PathLike[str],
    channels: Sequence[str],
    annotated: AnnotatedSet,
    out: str | os.PathLike[str],
    *,
    name: str,
    objects: str,
    channel_map: Mapping[str, str] | None = None,
) -> None:
    """Write a trained network as a BioImage.IO package.

    Parameters
    ----------
    model : path
        A model of `saving.save`.
    channels : sequence of str
        Of the images, in order; among them those of the model, or it is refused.
    annotated : AnnotatedSet
        The validation image with most objects (without validation images, the training image) is
        the test input, cut to at most 512 px.
    out : path
        The package, ending in `.zip`.
    name : str
        Of the engine; the files of the weights are called by it.
    objects : str
        What the network finds, such as Nuclei.
    channel_map : mapping of str to str or None
        See `channel_maps.matched_channels`.

    Raises
    ------
    InputError
        If a package is not installed, the model is for other images, ONNX or bioimageio.core give
        other maps than Keras, or the package is not valid.
    """
    _check_packages(name)
    network, about = saving.load(model)
    annotated.show(matched_channels(about["channels"], channels, channel_map or {}, model))
    network = portable(network)
    raw = _test_image(annotated, about["multiple"])
    images = network_input(raw)
    maps = network.predict_on_batch(images)
    with scratch_folder() as folder:
        np.save(folder / "input.npy", raw[None])
        np.save(folder / "output.npy", maps)
        weights = _write_weights(network, folder, name)
        _check_onnx(folder / weights["onnx"]["source"], images, maps, name)
        readme = documentation(about, objects)
        (folder / "README.md").write_text(readme, encoding="utf-8")
        content = description(about, name, objects, weights, lambda file: _file(folder / file))
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        (folder / "rdf.yaml").write_text(text, encoding="utf-8")
        with atomic_path(out) as temporary:
            contents = {file.name: file.read_bytes() for file in sorted(folder.iterdir())}
            write_zip(contents, temporary, zipfile.ZIP_DEFLATED)
            _check_package(temporary, name)
    logger.info("%s: %d kB", out, Path(out).stat().st_size // 1000)


def portable(network: keras.Model) -> keras.Model:
    """Rebuild a network from layers of Keras alone, in single precision, with probabilities.

    Parameters
    ----------
    network : keras.Model
        From `saving.load`: it gives class logits, then a distance.

    Returns
    -------
    keras.Model
        It gives class probabilities, then a distance, and loads where this library is not.
    """
    twin = keras.models.clone_model(network, clone_function=_plain, recursive=True)
    twin.set_weights(network.get_weights())
    image = keras.Input(network.input_shape[1:], name="image")
    maps = twin(image)
    n_classes = len(CLASSES)
    if maps.shape[-1] >= n_classes:
        parts = [layers.Softmax(name="classes")(maps[..., :n_classes])]
        if maps.shape[-1] > n_classes:
            parts.append(maps[..., n_classes:])
        maps = layers.Concatenate(name="probabilities")(parts) if len(parts) > 1 else parts[0]
    return keras.Model(image, maps, name="unet_with_probabilities")


def network_input(raw: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale an image (Y, X, C) of raw intensities as the network takes it: (1, Y, X, C)."""
    planes = np.moveaxis(raw, -1, 0)
    return np.moveaxis(scaled(planes, *percentiles(planes)), 0, -1)[None]


# --- steps of an export -------------------------------------------------------------------------


def _check_packages(name: str) -> None:
    missing = optional_packages.missing(optional_packages.EXPORT)
    if missing:
        raise InputError(
            f"segmentation.engines.{name}.export: true needs {', '.join(missing)}, which "
            f"{'is' if len(missing) == 1 else 'are'} not installed. Run `uv sync --extra export`, "
            "or snakemake with --sdm conda, or set export to false."
        )


def _plain(layer: layers.Layer) -> layers.Layer:
    """Build the like of a layer, in single precision, that Keras knows without this library."""
    if isinstance(layer, ChannelMap):  # of a pretrained encoder, where it takes channels in order
        return layers.Rescaling(layer.scale, layer.offset, name=layer.name, dtype="float32")
    return type(layer).from_config({**layer.get_config(), "dtype": "float32"})


def _test_image(annotated: AnnotatedSet, multiple: int) -> NDArray[np.float32]:
    """Read an image (Y, X, C), cut around its objects or mirrored to what the network takes."""
    rows = annotated.rows("validation")
    for name in ("train", "test"):
        rows = rows if len(rows) else annotated.rows(name)
    row = max(rows, key=lambda row: annotated.table["n_objects"][row])
    image = np.moveaxis(annotated.image(row), 0, -1).astype(np.float32)
    places = np.argwhere(annotated.labels(row) > 0)
    middle = np.median(places, axis=0) if len(places) else np.array(image.shape[:2]) / 2
    for axis in (0, 1):
        side = image.shape[axis]
        wanted = max(min(side, _LARGEST_TEST) // multiple * multiple, smallest_side(multiple))
        start = int(np.clip(middle[axis] - wanted / 2, 0, max(side - wanted, 0)))
        image = image.take(range(start, min(start + wanted, side)), axis)
        missing = [(0, max(wanted - side, 0) if i == axis else 0) for i in range(3)]
        image = np.pad(image, missing, mode="symmetric")
    return np.ascontiguousarray(image)


def _write_weights(network: keras.Model, folder: Path, name: str) -> dict[str, dict[str, Any]]:
    """Write a network in both formats; say what BioImage.IO wants to know of each."""
    import onnx  # noqa: PLC0415  (only who exports has it)

    network.save(folder / f"{name}.keras")
    network.export(folder / f"{name}.onnx", format="onnx", verbose=False)
    operators = onnx.load(folder / f"{name}.onnx").opset_import
    backend = keras.backend.backend()
    return {
        "keras_v3": {
            **_file(folder / f"{name}.keras"),
            "keras_version": keras.__version__,
            "backend": [backend, importlib.import_module(backend).__version__],
        },
        "onnx": {
            **_file(folder / f"{name}.onnx"),
            "opset_version": next(int(each.version) for each in operators if not each.domain),
            "parent": "keras_v3",
        },
    }


def _file(path: Path) -> dict[str, str]:
    return {"source": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def _check_onnx(
    path: Path, images: NDArray[np.float32], expected: NDArray[np.float32], name: str
) -> None:
    import onnxruntime  # noqa: PLC0415

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (maps,) = session.run(None, {session.get_inputs()[0].name: images})
    largest = float(np.abs(maps - expected).max()) if maps.shape == expected.shape else np.inf
    logger.info("ONNX and Keras differ by at most %.2g", largest)
    if not largest <= TOLERANCE:
        raise InputError(
            f"segmentation.engines.{name}.export: the ONNX and Keras networks give different "
            f"maps (largest difference {largest:.2g}, {TOLERANCE:g} is accepted). Set export to "
            "false, or use the .keras file."
        )


def _check_package(path: Path, name: str) -> None:
    from bioimageio.core import test_model  # noqa: PLC0415

    with redirect_stdout(io.StringIO()):  # where Keras draws progress bars
        summary = test_model(path)
    if summary.status == "passed":
        return
    errors = [
        f"{'.'.join(map(str, error.loc))}: {error.msg}".lstrip(": ")
        for detail in summary.details
        for error in detail.errors
    ]
    logger.error("%s", json.dumps(summary.model_dump(mode="json"), indent=1))
    raise InputError.collect(
        errors or [f"status {summary.status}"],
        f"segmentation.engines.{name}.export: bioimageio.core refuses the package (set export to "
        "false to continue without it)",
    )
