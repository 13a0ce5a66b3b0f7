"""Masks in: label images, or one binary mask per object, checked and numbered 1 .. n."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from skimage.measure import label as connected_parts

from moascope.core.damage import machine_error
from moascope.core.errors import ImageError
from moascope.core.image_limits import MAX_GIGABYTES
from moascope.images.readers import SUFFIXES, decode_png, image_format
from moascope.images.tiff.tiff_files import open_tiff

IGNORED = -1
"""Label of pixels that are neither objects nor background: they are left out of everything."""

_EXPORT_AGAIN = "Export the mask again."
_CORNER_PX = 9  # px, and the share of an object, that parts at a corner have at least
_CORNER_SHARE = 0.1


@dataclass(frozen=True)
class Mask:
    """The objects of an image, and what is odd about them."""

    labels: NDArray[np.int32]
    """(Y, X), 0 is background, objects are 1 .. n; n may be 0. Pixels that are left out are -1."""
    warnings: tuple[str, ...] = ()
    """Sentences that start with the path of the mask."""
    single_value: int = 0
    """The only value but 0 in its file; 0 where there are several or none, or for a folder."""
    parts: int = 0
    """Unconnected parts with this value, without specks."""


def read_mask(
    path: Path,
    split_parts: bool = False,
    *,
    ignored: int | None = None,
    max_gigabytes: float = MAX_GIGABYTES,
    components: bool = False,
) -> Mask:
    """Read the objects of one image.

    Parameters
    ----------
    path : pathlib.Path
        A label image (TIFF or PNG of 8, 16 or 32 bit; every value but 0 is an object), or a folder
        with one binary mask per object, where everything but 0 is the object.
    split_parts : bool
        Make one object of each part of a label, see `checked`. Without it parts are only warned of.
    ignored : int or None
        Value of the pixels of a label image that are neither objects nor background.
    max_gigabytes : float
        Largest size of the decompressed pixels of one file that is read.
    components : bool
        Make one object of each connected part of a mask with a single value.

    Returns
    -------
    Mask
        Numbered in the order of the values in the file, or of the files in the folder.

    Raises
    ------
    ImageError
        If a file is missing, damaged or holds no labels, or the masks of a folder differ in size.
    """
    is_folder = os.path.isdir(path)  # noqa: PTH112  (pathlib raises where a name is too long)
    if is_folder:
        labels, warnings = _read_folder(path, max_gigabytes)
        labels, odd = checked(labels, path.name, split_parts)
        return Mask(labels, (*warnings, *odd))
    values, is_ignored = _read_values(path, ignored, max_gigabytes)
    labels = consecutive(values)
    single_value = parts = 0
    if labels.max() == 1:
        single_value = int(values.max())
        regions = connected_parts(labels, connectivity=2).astype(np.int32)
        area = np.bincount(regions.ravel())[1:]
        parts = int((area >= min(_CORNER_PX, area.max())).sum())
        labels = regions if components else labels
    labels, odd = checked(labels, path.name, split_parts)
    labels[is_ignored] = IGNORED
    return Mask(labels, tuple(odd), single_value=single_value, parts=parts)


def read_labels(
    path: Path, *, ignored: int | None = None, max_gigabytes: float = MAX_GIGABYTES
) -> NDArray[np.int32]:
    """Read a label image.

    Parameters
    ----------
    path : pathlib.Path
        TIFF or PNG.
    ignored : int or None
        Value of the pixels that are neither objects nor background.
    max_gigabytes : float
        Largest size of the decompressed pixels that is read.

    Returns
    -------
    (Y, X) int32
        0 is background, objects are 1 .. n in the order of their values in the file, and pixels
        that are left out are `IGNORED`.

    Raises
    ------
    ImageError
        If the file is missing, damaged, of another format, or its pixels are no labels.
    """
    values, is_ignored = _read_values(path, ignored, max_gigabytes)
    labels = consecutive(values)
    labels[is_ignored] = IGNORED
    return labels


def _read_values(
    path: Path, ignored: int | None, max_gigabytes: float
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Read a label image as whole numbers, 0 where it is ignored, and where that is."""
    found = image_format(path)
    if found == "JPEG":
        raise ImageError(
            f"{path}: JPEG compression changes labels. Export the mask as PNG or TIFF."
        )
    try:
        decode = _tiff if found == "TIFF" else decode_png
        values = decode(path, _EXPORT_AGAIN, max_gigabytes)
    except ImageError:
        raise
    except Exception as error:  # a decoder that is fed damaged bytes can raise anything
        raise machine_error(path, error) or ImageError(
            f"{path}: damaged or truncated {found} ({type(error).__name__}: {error}). "
            f"{_EXPORT_AGAIN}"
        ) from error
    plane = _one_plane(values, path)
    if ignored is None:
        return _integers(plane, path), np.zeros(plane.shape, bool)
    is_ignored = plane == ignored
    return _integers(np.where(is_ignored, plane.dtype.type(0), plane), path), is_ignored


def _tiff(path: Path, advice: str, max_gigabytes: float) -> NDArray[Any]:
    with open_tiff(path, advice, max_gigabytes) as tiff:
        return tiff.series[0].asarray(maxworkers=1)


def _one_plane(values: NDArray[Any], path: Path) -> NDArray[Any]:
    """Reduce to (Y, X): many programs save grey images as RGB, some with opacity."""
    planes = values
    while planes.ndim > 2 and len(planes) == 1:
        planes = planes[0]
    if planes.ndim == 3 and planes.shape[-1] in {2, 4} and np.ptp(planes[..., -1]) == 0:
        planes = planes[..., :-1]
    if planes.ndim == 3 and planes.shape[-1] in {1, 3} and not np.ptp(planes, axis=-1).any():
        planes = planes[..., 0]
    if planes.ndim != 2 or not planes.size:
        raise ImageError(
            f"{path}: holds an array of shape {values.shape}; a mask is one image of (Y, X) labels."
            " Export labels as greyscale numbers, not as colours, and one image per file."
        )
    return planes


def _integers(values: NDArray[Any], path: Path) -> NDArray[Any]:
    if values.dtype.kind == "b":
        return values.astype(np.uint8)
    if values.dtype.kind == "f":
        if not np.isfinite(values).all() or (values != np.floor(values)).any():
            raise ImageError(
                f"{path}: its values are fractions (such as "
                f"{values[~(values == np.floor(values))].flat[0]:g}); labels are whole numbers. "
                "Export labels, not probabilities."
            )
    elif values.dtype.kind not in "iu":
        raise ImageError(
            f"{path}: its pixels are {values.dtype.name}. Export labels as 8, 16 or 32 bit "
            "integers."
        )
    if values.min() < 0:
        raise ImageError(
            f"{path}: holds negative labels (such as {values.min():g}); 0 is background, and "
            "objects are above 0. Set segmentation.ignore_label to the value of pixels to "
            "ignore."
        )
    return values


def consecutive(labels: NDArray[Any]) -> NDArray[np.int32]:
    """Count objects from 1 to n, without gaps.

    Parameters
    ----------
    labels : (Y, X) array of whole numbers
        0 is background; below 0 are pixels that are left out.

    Returns
    -------
    (Y, X) int32
        Objects in the order of their values; pixels that are left out are `IGNORED`.
    """
    numbers = np.zeros(labels.shape, np.int32)
    is_object = labels > 0
    numbers[is_object] = pd.factorize(labels[is_object], sort=True)[0] + 1
    numbers[labels < 0] = IGNORED
    return numbers


def checked(
    labels: NDArray[np.int32], name: str, split_parts: bool = False
) -> tuple[NDArray[np.int32], list[str]]:
    """Check labels for odd values.

    Parameters
    ----------
    labels : (Y, X) int32
        From `consecutive`.
    name : str
        Where they come from, for the sentences.
    split_parts : bool
        Make one object of each part of a label that is apart or touches the others by a corner
        only.

    Returns
    -------
    labels : (Y, X) int32
        The same, or split.
    warnings : list of str
        One sentence each for an object that covers the whole image, for labels in several parts,
        and for labels in parts that only touch by a corner, as objects do that a labelling of
        8-connected pixels has merged.
    """
    warnings = []
    if labels.min() == labels.max() == 1:
        warnings.append(
            f"{name}: one object covers the whole image. Check that the mask is not inverted or of "
            "another image."
        )
    parts, cells = (connected_parts(labels, connectivity=k) for k in (2, 1))
    label_of_part, part_of_cell = _owners(parts, labels), _owners(cells, parts)
    area = np.bincount(cells.ravel())
    whole = np.bincount(parts.ravel())[part_of_cell]
    # Single pixels at the corner of an object, as hand-drawn outlines have them, belong to it.
    large = (area >= _CORNER_PX) & (area >= _CORNER_SHARE * whole)
    apart = np.bincount(label_of_part[1:], minlength=1) > 1
    cut = np.bincount(part_of_cell[1:][large[1:]], minlength=len(label_of_part)) > 1
    at_corners = np.unique(label_of_part[cut])
    for found, what in (
        (np.flatnonzero(apart), "several unconnected parts"),
        (at_corners, "parts that only touch by a corner"),
    ):
        if len(found):
            several = "1 label is" if len(found) == 1 else f"{len(found)} labels are"
            warnings.append(
                f"{name}: {several} in {what} (such as object {found[0]}), so that several objects "
                "may share a label. "
                + (
                    "They were split."
                    if split_parts
                    else "Correct the mask, or set segmentation.split_disconnected."
                )
            )
    if not split_parts or not (apart.any() or len(at_corners)):
        return labels, warnings
    order = np.argsort(area[1:], kind="stable") + 1
    largest = np.zeros(len(label_of_part), np.int64)
    largest[part_of_cell[order]] = order
    object_of_cell = np.where(large, np.arange(len(area)), largest[part_of_cell])
    object_of_cell[0] = 0
    return consecutive(object_of_cell[cells]), warnings


def _owners(parts: NDArray[Any], of: NDArray[Any]) -> NDArray[np.int64]:
    """Return the object that every part, from 0, belongs to."""
    owners = np.zeros(int(parts.max(initial=0)) + 1, np.int64)
    owners[parts.ravel()] = of.ravel()
    return owners


def _read_folder(folder: Path, max_gigabytes: float) -> tuple[NDArray[np.int32], list[str]]:
    """Join one binary mask per object; the first of two that overlap keeps its pixels."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise ImageError(
            f"{folder}: the folder of masks cannot be listed ({error.strerror}). Correct its "
            "permissions."
        ) from error
    if not paths:
        raise ImageError(
            f"{folder}: holds no TIFF or PNG file, one for each object was expected. For an image "
            "without objects, put one all-black mask there."
        )
    labels = np.zeros(read_labels(paths[0], max_gigabytes=max_gigabytes).shape, np.int32)
    n_shared, empty = 0, []
    for number, path in enumerate(paths, start=1):
        mask = read_labels(path, max_gigabytes=max_gigabytes) > 0
        check_size(mask.shape, path, labels.shape, paths[0])
        n_shared += int((mask & (labels > 0)).sum())
        labels[mask & (labels == 0)] = number
        if not mask.any():
            empty.append(path.name)
    warnings = []
    if n_shared:
        warnings.append(
            f"{folder}: {n_shared} px belong to several objects; each stays with the first one by "
            "file name."
        )
    if empty and len(paths) > 1:
        warnings.append(f"{folder}: {len(empty)} masks are empty (such as {empty[0]}).")
    return consecutive(labels), warnings


def check_size(
    mask_size: tuple[int, ...], mask: object, image_size: tuple[int, ...], image: object
) -> None:
    """Check that a mask is of the size of its image.

    Parameters
    ----------
    mask_size, image_size : (height, width)
        In px.
    mask, image : object
        What messages call them, usually paths.

    Raises
    ------
    ImageError
        If the sizes differ.
    """
    if tuple(mask_size) != tuple(image_size):
        raise ImageError(
            f"{mask}: the mask is {mask_size[0]} x {mask_size[1]} px, but {image} is "
            f"{image_size[0]} x {image_size[1]} px (height x width). Give the mask of this image, "
            "at its size."
        )
