"""Sizes of the images of a screen, from their headers, and one size for all of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from moascope.core.errors import ImageError, InputError, RunWarning
from moascope.core.image_limits import MAX_GIGABYTES
from moascope.images.readers import Pixel, centre_crop, read_size
from moascope.images.resampling import resize, resize_labels
from moascope.images.size_documents import FrequentSize, SizeCounts, SizeSummary

logger = logging.getLogger(__name__)

Size = tuple[int, int]
"""Height and width in pixels."""
SizeRule = Literal["error", "crop", "resize", "pad"]
_SHOWN = 6  # sizes that are listed one by one


def check_rule(rule: str) -> None:
    """Raise an error for a size rule that is not known."""
    if rule not in get_args(SizeRule):
        raise InputError(
            f"input.on_size_mismatch: '{rule}' is not known. Use one of: "
            f"{', '.join(get_args(SizeRule))}."
        )


def read_sizes(
    files: pd.DataFrame,
    channels: Sequence[str],
    axes: str | None = None,
    max_gigabytes: float = MAX_GIGABYTES,
    workers: int = 1,
) -> pd.DataFrame:
    """Read the sizes of all images from their headers.

    Parameters
    ----------
    files : pandas.DataFrame
        Rows of the sites table: plate, site_id and `path:{channel}`.
    channels : sequence of str
        Names of the channels.
    axes, max_gigabytes
        See `readers.read_planes`.
    workers : int
        Threads.

    Returns
    -------
    pandas.DataFrame
        One row per site, in order: plate, site_id, height and width in pixels (0 where a header
        cannot be read), and is_mixed, whether the files of a site differ in size.
    """

    def size_of(path: str) -> Size:
        try:
            return read_size(path, axes, max_gigabytes)
        except ImageError:  # named when the image is read
            return (0, 0)

    columns = [files[f"path:{channel}"] for channel in channels]
    paths = pd.unique(pd.concat(columns)).tolist()
    with ThreadPoolExecutor(max(1, workers)) as pool:
        found = dict(zip(paths, pool.map(size_of, paths), strict=True))
    sizes = np.array([[found[path] for path in column] for column in columns])
    sizes = sizes.reshape(len(columns), -1, 2)
    is_unread = (sizes == 0).any(axis=(0, 2))
    is_mixed = (sizes != sizes[:1]).any(axis=(0, 2)) & ~is_unread
    height, width = np.where(is_unread, 0, sizes[0].T)
    table = files[["plate", "site_id"]].reset_index(drop=True)
    return table.assign(height=height, width=width, is_mixed=is_mixed)


def target_size(sizes: pd.DataFrame, rule: str) -> Size | None:
    """Choose the size that all images of a screen get.

    Parameters
    ----------
    sizes : pandas.DataFrame
        From `read_sizes`, of the whole screen.
    rule : str
        The key `input.on_size_mismatch`: "crop" takes the smallest height and the smallest width,
        "pad" the largest, "resize" the medians. With "error" images keep their size.

    Returns
    -------
    (int, int) or None
        Height and width in pixels; None for "error", or if no header can be read.
    """
    check_rule(rule)
    known = sizes[(sizes["height"] > 0) & ~sizes["is_mixed"]]
    if rule == "error" or known.empty:
        return None
    reduce: dict[str, Callable[[Any], Any]] = {"crop": np.min, "pad": np.max, "resize": np.median}
    height, width = (max(1, int(reduce[rule](known[side]))) for side in ("height", "width"))
    return height, width


def describe(sizes: pd.DataFrame, rule: str, target: Size | None) -> SizeSummary:
    """Count the images of each size, for the report and summary.json.

    Parameters
    ----------
    sizes : pandas.DataFrame
        From `read_sizes`, of the whole screen.
    rule : str
        The key `input.on_size_mismatch`.
    target : (int, int) or None
        From `target_size`.

    Returns
    -------
    SizeSummary
        With the most frequent sizes.
    """
    known = sizes[sizes["height"] > 0]
    counts = known[["height", "width"]].value_counts()
    listed: list[FrequentSize] = [
        {"height": int(size[0]), "width": int(size[1]), "sites": int(count)}
        for size, count in zip(counts.index[:_SHOWN].tolist(), counts, strict=False)
    ]
    found: SizeCounts = {
        "rule": rule,
        "n_sizes": len(counts),
        "frequent": listed,
        "target": list(target) if target else None,
        "unread_sites": int((sizes["height"] == 0).sum()),
    }
    if len(known):
        found["smallest"] = [int(known[side].min()) for side in ("height", "width")]
        found["largest"] = [int(known[side].max()) for side in ("height", "width")]
    return {**found, "text": _sentence(found)}


def _sentence(found: SizeCounts) -> str:
    if found["n_sizes"] == 0:
        return "No header of an image could be read."
    if found["n_sizes"] == 1:
        return f"All images are {_shown(found['smallest'])} (height x width)."
    text = (
        f"Images have {found['n_sizes']} sizes, from {_shown(found['smallest'])} to "
        f"{_shown(found['largest'])} (height x width)"
    )
    if found["target"] is None:
        return text + "."
    done = {"crop": "cut around their centre", "resize": "resized", "pad": "padded"}
    return f"{text}; all are {done[found['rule']]} to {_shown(found['target'])}."


def warnings(found: SizeSummary) -> list[RunWarning]:
    """Return what a reader has to know of images that were changed in size.

    Parameters
    ----------
    found : SizeSummary
        From `describe`.

    Returns
    -------
    list of RunWarning
        Empty where all images have one size, or keep theirs.
    """
    if found["target"] is None or found["n_sizes"] < 2:
        return []
    loss = {
        "crop": " What lies outside is lost; on_size_mismatch: resize or pad keeps it.",
        "resize": " Their magnification differs now, so sizes in micrometres are unknown.",
        "pad": " The added pixels are the background of each channel (the median of its rim).",
    }
    text = found["text"] + loss[found["rule"]]
    return [{"id": "image-sizes", "about": "input.on_size_mismatch", "text": text}]


def check(
    sizes: pd.DataFrame,
    rule: str,
    unit_shape: Callable[[Size], Size] | None = None,
    on_bad_image: str = "error",
    has_plates: bool = True,
) -> None:
    """Refuse sizes that cannot go into one screen, before any pixel is read.

    Parameters
    ----------
    sizes : pandas.DataFrame
        From `read_sizes`, of the whole screen.
    rule : str
        The key `input.on_size_mismatch`.
    unit_shape : callable or None
        Returns the height and width of units for those of an image: plates may differ in size where
        their units do not. None where units do not depend on the size of images.
    on_bad_image : str
        The key of this name; sites whose channels differ in size are left out with "quarantine".
    has_plates : bool
        Whether images lie on plates, for the message.

    Raises
    ------
    InputError
        With the sizes, their counts and the ways out.
    """
    check_rule(rule)
    problems = []
    mixed = sizes.loc[sizes["is_mixed"], "site_id"]
    if len(mixed) and on_bad_image == "error":
        problems.append(
            f"the channels of {len(mixed)} sites, such as {mixed.iloc[0]}, differ in size, so "
            "they are not one field of view. Export them alike, or correct the paths"
        )
    known = sizes[(sizes["height"] > 0) & ~sizes["is_mixed"]]
    if rule == "error" and len(known):
        problems += _size_problems(known, unit_shape, has_plates)
    if problems:
        raise InputError.collect(problems, "sizes of images")


def _size_problems(
    known: pd.DataFrame, unit_shape: Callable[[Size], Size] | None, has_plates: bool
) -> list[str]:
    kinds = known.groupby("plate")[["height", "width"]].nunique().max(axis=1)
    uneven = kinds.index[kinds > 1]
    fixes = (
        "Leave the odd ones out, or set input.on_size_mismatch to resize (to the median size; "
        "the common magnification is lost), pad (to the largest, with background) or crop (to the "
        "smallest; what is outside is lost)"
    )
    if len(uneven):
        where = f"on {len(uneven)} of {len(kinds)} plates, such as {uneven[0]}, "
        return [
            f"{where if has_plates else ''}images differ in size: {_list(known)} (height x width). "
            f"{fixes}"
        ]
    if unit_shape is None:
        return []
    shapes = {unit_shape((h, w)) for h, w in known[["height", "width"]].value_counts().index}
    if len(shapes) < 2:
        return []
    return [
        f"{'plates differ in the size of their images' if has_plates else 'images differ in size'}"
        f": {_list(known)} (height x width), so that their units cannot be put together. {fixes}"
    ]


def _list(known: pd.DataFrame) -> str:
    counts = known[["height", "width"]].value_counts()
    shown = [f"{count} of {_shown(size)}" for size, count in counts.head(_SHOWN).items()]
    if len(counts) <= _SHOWN:
        return ", ".join(shown)
    smallest, largest = (
        _shown([int(limit(known[side])) for side in ("height", "width")]) for limit in (min, max)
    )
    return f"{len(counts)} sizes from {smallest} to {largest}, most often {', '.join(shown[:3])}"


def _shown(size: Any) -> str:
    return f"{size[0]} x {size[1]} px"


def fit(planes: NDArray[Pixel], rule: str, size: Size) -> NDArray[Pixel]:
    """Resize, crop or pad an image to a size.

    Parameters
    ----------
    planes : ndarray, (C, Y, X)
        Intensities.
    rule : {"crop", "resize", "pad"}
        crop: around the centre. resize: by one factor for both sides, so that the whole image fits,
        with anti-aliasing. The rest, also with pad, is filled with the median of the rim
        of each channel, on both sides alike.
    size : (int, int)
        Height and width to get.

    Returns
    -------
    ndarray, (C, height, width)
        Of the same type.
    """
    if planes.shape[-2:] == size:
        return planes
    _check_fit(planes.shape[-2:], rule, size)
    if rule == "crop":
        return centre_crop(planes, *size)
    sides = (planes[:, [0, -1]], planes[:, :, [0, -1]])
    rim = np.concatenate([side.reshape(len(planes), -1) for side in sides], axis=1)
    inner = planes
    if rule == "resize":
        smooth = resize(planes.astype(np.float32), _inner_size(planes.shape[-2:], size))
        is_whole = planes.dtype.kind in "iu"
        inner = (np.rint(smooth) if is_whole else smooth).astype(planes.dtype)
    result = np.empty((len(planes), *size), planes.dtype)
    result[:] = np.median(rim, axis=1).astype(planes.dtype)[:, None, None]
    centre_crop(result, *inner.shape[-2:])[:] = inner
    return result


def fit_labels(labels: NDArray[np.int32], rule: str, size: Size) -> NDArray[np.int32]:
    """Resize, crop or pad a label image as `fit` does its image.

    Parameters
    ----------
    labels : (Y, X) int32
        0 is background.
    rule, size
        As for `fit`.

    Returns
    -------
    (height, width) int32
        No new values: resizing takes the nearest pixel, and what is added is background.
    """
    if labels.shape == size:
        return labels
    _check_fit(labels.shape, rule, size)
    if rule == "crop":
        return centre_crop(labels, *size)
    inner = labels
    if rule == "resize":
        inner = resize_labels(labels, _inner_size(labels.shape, size))
    result = np.zeros(size, labels.dtype)
    centre_crop(result, *inner.shape)[:] = inner
    return result


def _check_fit(shape: tuple[int, ...], rule: str, size: Size) -> None:
    """Raise an error where an image cannot be brought to a size by a rule."""
    if rule not in ("crop", "resize", "pad"):
        raise ValueError(f"images of {shape} and {size} px: rule {rule!r} makes nothing one size")
    is_smaller = shape[0] < size[0] or shape[1] < size[1]
    is_larger = shape[0] > size[0] or shape[1] > size[1]
    if (rule == "crop" and is_smaller) or (rule == "pad" and is_larger):
        raise ImageError(
            f"An image of {_shown(shape)} does not fit on_size_mismatch: {rule} to {_shown(size)}, "
            "as it was changed after its header was read. Run again with --forcerun read_headers."
        )


def _inner_size(shape: tuple[int, ...], size: Size) -> Size:
    """Return the size of an image that is resized by one factor to fit into another size."""
    factor = min(size[0] / shape[0], size[1] / shape[1])
    height, width = (min(max(1, round(n * factor)), to) for n, to in zip(shape, size, strict=True))
    return height, width
