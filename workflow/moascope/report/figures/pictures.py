"""Pictures of cells: colour composites with a scale bar, small enough for a page."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import matplotlib.image as mpl_image
import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from moascope.images.channel_colours import rgb_colours

Array = npt.NDArray[np.floating]


def display_limits(
    images: Sequence[Array], channels: Sequence[str], low: float = 5.0, high: float = 99.8
) -> Array:
    """Compute the display range of each channel over all images.

    Parameters
    ----------
    images : sequence of ndarray, each (H, W, C)
        Without any, the nominal range [0, 1] is shown.
    channels : sequence of str
        The names of the C channels. Red, green and blue are shown from 0 to 1, so that no colour
        changes.
    low, high : float
        Percentiles over all images together.

    Returns
    -------
    ndarray of float, shape (C, 2)
        Lower and upper intensity of each channel.
    """
    if not images or rgb_colours(channels) is not None:
        return np.tile([0.0, 1.0], (len(channels), 1))
    pixels = np.concatenate([thumbnail(image).reshape(-1, len(channels)) for image in images])
    limits = np.nanpercentile(pixels, [low, high], axis=0).T
    limits[:, 1] = np.maximum(limits[:, 1], limits[:, 0] + 1e-6)
    return limits


def thumbnail(image: Array, side: int = 160) -> Array:
    """Shrink an image by averaging whole blocks until its longer side is at most `side`.

    Parameters
    ----------
    image : ndarray, shape (H, W, C)
        Any range.
    side : int
        In pixels.

    Returns
    -------
    ndarray of float32, shape (h, w, C)
        Unchanged in size where it is small enough. Incomplete blocks at the edge are cut off.
    """
    factor = math.ceil(max(image.shape[:2]) / side)
    values = np.asarray(image, dtype=np.float32)
    if factor == 1:
        return values
    height, width = (max(1, size // factor) for size in image.shape[:2])
    block_h, block_w = (min(factor, size) for size in image.shape[:2])
    cut = values[: height * block_h, : width * block_w]
    return cut.reshape(height, block_h, width, block_w, -1).mean(axis=(1, 3))


def composite(image: Array, limits: Array, colours: Sequence[str]) -> npt.NDArray[np.uint8]:
    """Add the channels of an image, each in its colour.

    Parameters
    ----------
    image : ndarray, shape (H, W, C)
        Any range.
    limits : ndarray, shape (C, 2)
        See `display_limits`.
    colours : sequence of str, length C
        Hex colours.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
        RGB.
    """
    share = np.clip((image - limits[:, 0]) / (limits[:, 1] - limits[:, 0]), 0, 1)
    light = np.array([mpl.colors.to_rgb(colour) for colour in colours])
    return np.round(255 * np.clip(np.nan_to_num(share) @ light, 0, 1)).astype(np.uint8)


def scale_bar_length(width_um: float) -> float:
    """Choose a round length for the scale bar of an image.

    Parameters
    ----------
    width_um : float
        Width of the image in micrometres.

    Returns
    -------
    float
        In micrometres: 1, 2 or 5 times a power of ten, at most a third of the width.
    """
    # One power lower is also tried, since the logarithm of a round number may be rounded up.
    powers = [10.0 ** (math.floor(math.log10(width_um / 3)) - lower) for lower in (0, 1)]
    lengths = [step * power for power in powers for step in (1, 2, 5)]
    return max(length for length in lengths if length <= width_um / 3)


def with_scale_bar(rgb: npt.NDArray[np.uint8], length: float) -> npt.NDArray[np.uint8]:
    """Draw a white bar into the lower right corner.

    Parameters
    ----------
    rgb : ndarray of uint8, shape (H, W, 3)
        Not changed.
    length : float
        Of the bar, in pixels.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
        A copy with the bar.
    """
    out = rgb.copy()
    height, width = rgb.shape[:2]
    thick, gap = max(2, height // 50), max(3, height // 25)
    right, bottom = width - gap, height - gap
    out[bottom - thick : bottom, max(0, right - max(1, round(length))) : right] = 255
    return out


def jpeg(rgb: npt.NDArray[np.uint8]) -> bytes:
    """Encode an RGB image as JPEG (quality 88, full colour resolution)."""
    buffer = io.BytesIO()
    # optimize=True fails for noise: the buffer of Pillow is too small.
    options = {"quality": 88, "subsampling": 0}
    mpl_image.imsave(buffer, rgb, format="jpeg", pil_kwargs=options)
    return buffer.getvalue()


def montage(rows: Mapping[str, Sequence[npt.NDArray[np.uint8]]]) -> bytes:
    """Draw labelled rows of images on one sheet.

    Parameters
    ----------
    rows : mapping of str to sequence of ndarray of uint8, each (H, W, 3)
        At least one row with at least one image.

    Returns
    -------
    bytes
        A PNG file.
    """
    height, width = np.max(
        [image.shape[:2] for images in rows.values() for image in images], axis=0
    )
    n = max(len(images) for images in rows.values())
    gap, title = 6, 20
    sheet = np.full(
        (len(rows) * (height + gap + title), n * (width + gap) + gap, 3), 255, dtype=np.uint8
    )
    for line, images in enumerate(rows.values()):
        y = line * (height + gap + title) + title
        for column, image in enumerate(images):
            x = gap + column * (width + gap)
            sheet[y : y + image.shape[0], x : x + image.shape[1]] = image
    figure = _new_figure(sheet.shape[1], sheet.shape[0])
    figure.figimage(sheet)
    for line, label in enumerate(rows):
        y = 1 - (line * (height + gap + title) + 15) / sheet.shape[0]
        figure.text(gap / sheet.shape[1], y, label, fontsize=9, parse_math=False)
    return _png(figure)


def notice(text: str) -> bytes:
    """Draw a sheet with a sentence instead of images.

    Parameters
    ----------
    text : str
        A sentence.

    Returns
    -------
    bytes
        A PNG file.
    """
    lines = textwrap.wrap(text, 60)
    figure = _new_figure(480, 20 + 18 * len(lines))
    figure.text(0.03, 0.5, "\n".join(lines), va="center", fontsize=9, parse_math=False)
    return _png(figure)


def _new_figure(width: int, height: int) -> Figure:
    """Return an empty figure of a size in pixels."""
    figure = Figure(figsize=(width / 100, height / 100), dpi=100)
    FigureCanvasAgg(figure)
    return figure


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
