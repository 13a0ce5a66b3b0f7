"""Reading of image files as planes of channels."""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from tifffile import TiffFile, TiffPageSeries, xml2dict

from moascope.core.damage import MachineError, machine_error
from moascope.core.errors import DamagedImageError, ImageError, InputError, MissingImageError
from moascope.core.image_limits import COPY_AGAIN, MAX_GIGABYTES, check_claim, jpeg_size
from moascope.core.regular_files import open_regular, read_regular
from moascope.images.channel_colours import RGB_NAMES
from moascope.images.tiff.tiff_files import open_tiff
from moascope.screen import idx_files

Pixel = TypeVar("Pixel", bound=np.generic)

_SAMPLE = 64  # images whose headers are enough to judge models by

SIGNATURES = {
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"BM": "BMP",
    b"GIF8": "GIF",
    b"\x89HDF": "HDF5",
    b"PK\x03\x04": "ZIP",
    b"\x1f\x8b": "gzip",
    b"ZISRAWFILE": "Zeiss CZI",
    b"\xda\xce\xbe\x0a": "Nikon ND2",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"version https://git-lfs": "Git LFS pointer",
    b"<": "HTML or XML",
}

SUFFIXES = {
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".btf": "TIFF",
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
}

# tifffile's letters for axes that no metadata names: Q (other), I (sequence of pages), U (unknown).
UNNAMED_AXES = frozenset("QIU")

AXIS_NAMES = {"Z": "focal planes (Z)", "T": "time points (T)"}


def read_planes(
    path: str | os.PathLike[str], axes: str | None = None, max_gigabytes: float = MAX_GIGABYTES
) -> tuple[NDArray[np.generic], list[str] | None]:
    """Read one image file as an array of channel planes.

    Parameters
    ----------
    path : path
        A TIFF (OME-TIFF, ImageJ, multi-page, RGB ...), PNG or JPEG file. The content decides which
        it is; another ending of the name is an error. The images of an IDX file are its planes.
    axes : str, optional
        The order of the axes as stored, for example ``"CYX"``: letters out of T, Z, C, Y, X, S.
        Used only where the file has no metadata of its axes (a multi-page TIFF).
    max_gigabytes : float
        Largest size of the decompressed pixels that is read.

    Returns
    -------
    planes : ndarray, (C, Y, X), uint8, uint16 or float32
        Raw intensities, nothing rescaled; RGB is split into three planes.
    names : list of str or None
        Channel names from OME or ImageJ metadata, red/green/blue for RGB; None where unknown.

    Raises
    ------
    ImageError
        If the file is missing, empty, damaged, another format than its name, or holds Z or T
        stacks, pixels that are not numbers, or axes that cannot be known. The message has the fix.
    """
    return _read(Path(path), axes, max_gigabytes, with_names=True)


def read_pixels(
    path: str | os.PathLike[str], axes: str | None = None, max_gigabytes: float = MAX_GIGABYTES
) -> NDArray[np.generic]:
    """Read the planes of one image file, as `read_planes` does, without looking for names.

    Parameters
    ----------
    path : path
        See `read_planes`.
    axes, max_gigabytes
        See `read_planes`.

    Returns
    -------
    ndarray, (C, Y, X), uint8, uint16 or float32
        Raw intensities.
    """
    return _read(Path(path), axes, max_gigabytes, with_names=False)[0]


def plane_of(
    planes: NDArray[np.generic], index: int, path: str | os.PathLike[str], channel: str
) -> NDArray[np.generic]:
    """Return the plane of a file that shows a channel.

    Parameters
    ----------
    planes : (C, Y, X) array
        From `read_pixels`.
    index : int
        Number of the plane, from 0; -1 for the only one.
    path : path
        The file, for messages.
    channel : str
        The channel, for messages.

    Returns
    -------
    (Y, X) array
        The plane.

    Raises
    ------
    ImageError
        If the file has no such plane, or has several and none is named.
    """
    if index == -1 and len(planes) != 1:
        raise ImageError(
            f"{path}: holds {len(planes)} planes, but the plane of channel {channel} is unknown. "
            "Set input.path_column to the column of files and input.channels to a plane per "
            f"channel ({channel}: 0), or export one channel per file."
        )
    if not -1 <= index < len(planes):
        raise ImageError(
            f"{path}: has no plane {index} for the channel {channel}; it holds {len(planes)} "
            "(counted from 0). Correct input.channels."
        )
    return planes[index]


def read_size(
    path: str | os.PathLike[str], axes: str | None = None, max_gigabytes: float = MAX_GIGABYTES
) -> tuple[int, int]:
    """Read the size of an image from its header.

    Parameters
    ----------
    path : path
        An image file.
    axes, max_gigabytes
        See `read_planes`.

    Returns
    -------
    (int, int)
        Height and width in pixels.

    Raises
    ------
    ImageError
        If the file is missing, its header damaged, or it is no image.
    """
    path = Path(path)
    if idx_files.is_idx(path):
        _, height, width = idx_files.read_shape(path)
        return height, width
    found = image_format(path)
    try:
        if found == "TIFF":
            return _tiff_size(path, axes, max_gigabytes)
        with open_regular(path) as file:
            head = file.read(2**16)
        if found == "PNG":
            width, height = struct.unpack(">2I", head[16:24])
        else:
            height, width = jpeg_size(head)
            if not height:  # behind large texts
                height, width = jpeg_size(read_regular(path))
    except InputError:
        raise
    except Exception as error:  # a parser that is fed damaged bytes can raise anything
        raise _unreadable(path, found, error) from error
    if not height * width:
        raise DamagedImageError(f"{path}: has no pixels ({height} x {width} px). {COPY_AGAIN}")
    return height, width


def _tiff_size(path: Path, axes: str | None, max_gigabytes: float) -> tuple[int, int]:
    with open_regular(path) as file, TiffFile(file, _multifile=False) as tiff:
        page = tiff.pages.first
        # The order of axes of a page is free where the description or the user names it.
        if axes is None and not tiff.is_shaped:
            return int(page.imagelength), int(page.imagewidth)
    with open_tiff(path, max_gigabytes=max_gigabytes) as tiff:
        series = tiff.series[0]
        letters = _series_axes(series, series.shape, axes, path)
        return int(series.shape[letters.index("Y")]), int(series.shape[letters.index("X")])


def read_pixel_size(path: str | os.PathLike[str]) -> float | None:
    """Read the width of a pixel from the OME metadata of a TIFF file.

    Parameters
    ----------
    path : path
        An image file.

    Returns
    -------
    float or None
        Micrometres per pixel along x; None where the file has none, or no length.

    Raises
    ------
    ImageError
        If the file is missing, damaged, or no image.
    """
    path = Path(path)
    if idx_files.is_idx(path) or image_format(path) != "TIFF":
        return None
    try:
        with open_regular(path) as file, TiffFile(file, _multifile=False) as tiff:
            metadata = tiff.ome_metadata
    except Exception as error:  # a parser that is fed damaged bytes can raise anything
        raise _unreadable(path, "TIFF", error) from error
    try:
        pixels = _ome_pixels(metadata)
        size = float(pixels["PhysicalSizeX"])
    except (SyntaxError, AttributeError, LookupError, TypeError, ValueError):
        return None
    micrometres = {"µm": 1.0, "μm": 1.0, "nm": 1e-3, "mm": 1e3}
    factor = micrometres.get(str(pixels.get("PhysicalSizeXUnit", "µm")))
    return size * factor if factor is not None and 0 < size < math.inf else None


def common_size(
    paths: Sequence[str | os.PathLike[str]], axes: str | None = None
) -> tuple[int, int] | None:
    """Return the size of images, if a sample of them has a single one.

    Parameters
    ----------
    paths : sequence of path
        Image files; up to 64, evenly spaced, are looked at.
    axes : str, optional
        See `read_planes`.

    Returns
    -------
    (int, int) or None
        Height and width in pixels. None where sizes differ or no header can be read; both are
        reported when all headers are read.
    """
    sizes = set()
    for path in paths[:: -(-len(paths) // _SAMPLE) or 1]:
        try:
            sizes.add(read_size(path, axes))
        except MachineError:
            raise
        except InputError:
            continue
    return sizes.pop() if len(sizes) == 1 else None


def image_format(path: Path) -> str:
    """Return the format of an image file from its first bytes.

    Parameters
    ----------
    path : pathlib.Path
        The file to look at.

    Returns
    -------
    str
        TIFF, PNG or JPEG.

    Raises
    ------
    ImageError
        If the file is missing, empty, of another format, or named as another format.
    """
    try:
        with open_regular(path) as handle:
            head = handle.read(32)
    except FileNotFoundError:
        raise MissingImageError(
            f"{path}: no such file. Correct the path in the sample sheet, or copy the file there."
        ) from None
    except OSError as error:
        raise machine_error(path, error) or ImageError(
            f"{path}: cannot be opened ({error.strerror}). Check that it is a readable file."
        ) from error
    if not head:
        raise DamagedImageError(
            f"{path}: the file is empty (0 bytes). Copy it again from the microscope, or leave "
            "its site out of the sample sheet."
        )
    found = next((name for start, name in SIGNATURES.items() if head.startswith(start)), None)
    if found is None or found not in SUFFIXES.values():
        kind = "its first bytes match no known image format" if found is None else f"it is {found}"
        raise ImageError(
            f"{path}: not a TIFF, PNG or JPEG image ({kind}). Export it again as TIFF."
        )
    claimed = SUFFIXES.get(path.suffix.lower())
    if claimed is not None and claimed != found:
        right = next(suffix for suffix, name in SUFFIXES.items() if name == found)
        raise ImageError(
            f"{path}: a {found} image with the name of a {claimed} image. Rename it to "
            f"{path.stem}{right} (also in the sample sheet), or export it again as {claimed}."
        )
    return found


def _unreadable(path: Path, found: str, error: Exception) -> InputError:
    return machine_error(path, error) or DamagedImageError(
        f"{path}: damaged or truncated {found} ({type(error).__name__}: {error}). {COPY_AGAIN}"
    )


def _read(
    path: Path, axes: str | None, max_gigabytes: float, with_names: bool
) -> tuple[NDArray[np.generic], list[str] | None]:
    check_axes(axes)
    if idx_files.is_idx(path):
        return idx_files.read_array(path, max_gigabytes=max_gigabytes), None
    readers: dict[str, Callable[..., tuple[NDArray[np.generic], list[str] | None]]] = {
        "TIFF": _read_tiff,
        "PNG": _read_png,
        "JPEG": _read_jpeg,
    }
    found = image_format(path)
    try:
        planes, names = readers[found](path, axes, max_gigabytes, with_names)
    except InputError:
        raise
    except Exception as error:  # a decoder that is fed damaged bytes can raise anything
        raise _unreadable(path, found, error) from error
    return _supported_pixels(planes, path), names


def centre_crop(planes: NDArray[Pixel], height: int, width: int) -> NDArray[Pixel]:
    """Cut an image around its centre.

    Parameters
    ----------
    planes : ndarray, (..., Y, X)
        At least as large as the wanted one.
    height, width : int
        Size of the result in pixels; an odd surplus leaves one more row or column at the end.

    Returns
    -------
    ndarray, (..., height, width)
        A view.
    """
    top = (planes.shape[-2] - height) // 2
    left = (planes.shape[-1] - width) // 2
    return planes[..., top : top + height, left : left + width]


def check_axes(axes: str | None) -> None:
    """Check the config key input.axes.

    Parameters
    ----------
    axes : str or None
        The order of the axes as stored.

    Raises
    ------
    InputError
        If it is not made of T, Z, C, Y, X and S, each at most once, with Y and X.
    """
    if axes is None:
        return
    if len(set(axes)) != len(axes) or not {"Y", "X"} <= set(axes) <= set("TZCYXS"):
        raise InputError(
            f"input.axes: '{axes}' is no order of axes. Use each of T, Z, C, Y, X and S at most "
            "once, with Y and X among them, for example CYX."
        )


def _read_tiff(
    path: Path, axes: str | None, max_gigabytes: float, with_names: bool
) -> tuple[NDArray[np.generic], list[str] | None]:
    with open_tiff(path, max_gigabytes=max_gigabytes) as tiff:
        series = tiff.series
        if len(series) != 1:
            shapes = ", ".join(f"{item.axes} {item.shape}" for item in series)
            raise ImageError(
                f"{path}: holds {len(series)} images of different kinds ({shapes}), and only one "
                "can be read. Export one image per file."
            )
        array = series[0].asarray(maxworkers=1)  # the callers read files in parallel
        letters = _series_axes(series[0], array.shape, axes, path)
        is_rgb = _is_rgb(series[0], path)
        planes = _channels_first(array, letters, path)
        names = None
        if is_rgb:
            planes = _without_alpha(planes, path)
            names = list(RGB_NAMES)
        elif with_names:
            names = _channel_names(tiff, len(planes))
    return planes, names


def _series_axes(
    series: TiffPageSeries, shape: tuple[int, ...], axes: str | None, path: Path
) -> str:
    """Return the axes of a TIFF: from its metadata, else those of the user, else none."""
    known: str = series.axes
    unnamed = [
        n for letter, n in zip(known, shape, strict=True) if letter in UNNAMED_AXES and n > 1
    ]
    if not unnamed:
        return known
    if axes is None:
        raise ImageError(
            f"{path}: an array of shape {shape} without metadata that name its axes; channels, "
            "focal planes and time points cannot be told apart. Set input.axes, for example to "
            f"{'CYX' if len(shape) == 3 else 'TCYX'}, if it holds channels; export one focal plane "
            "and one time point per file."
        )
    if len(axes) != len(shape):
        raise ImageError(
            f"{path}: input.axes is {axes} ({len(axes)} axes), but the file holds an array of "
            f"shape {shape} ({len(shape)} axes). Set input.axes to the order in the file."
        )
    length = dict(zip(axes, shape, strict=True))
    if length.get("C", 1) > min(length["Y"], length["X"]):
        raise ImageError(
            f"{path}: with input.axes {axes} its shape {shape} means {length['C']} channels of "
            f"{length['Y']} x {length['X']} px, which is unlikely. Set input.axes to the order "
            "in the file."
        )
    return axes


def _is_rgb(series: TiffPageSeries, path: Path) -> bool:
    """Return whether the samples are red, green and blue; refuse other colour models."""
    page = series.keyframe
    photometric = getattr(page.photometric, "name", str(page.photometric))
    if photometric in {"RGB", "YCBCR"}:
        return "S" in series.axes
    if photometric == "MINISBLACK":
        return False
    if photometric == "PALETTE":
        if _is_ramp(page.colormap):
            return False
        raise ImageError(
            f"{path}: its pixels are indices of a colour palette (photometric interpretation "
            "PALETTE), not intensities. Export it as greyscale or as RGB."
        )
    raise ImageError(
        f"{path}: its pixels are not plain intensities (photometric interpretation {photometric})."
        " Export it as greyscale, with black as zero, or as RGB."
    )


def _is_ramp(colours: NDArray[np.generic] | None) -> bool:
    """Return whether a palette shows intensities: no entry is darker than the one before.

    Fiji writes the look-up table of a channel (green, fire ...) as a palette. Palettes of pictures
    in colour are in no such order.
    """
    if colours is None or colours.ndim != 2 or len(colours) != 3:
        return False
    # The brightness that a person sees (ITU-R BT.601), with room for rounding.
    brightness = np.array([0.299, 0.587, 0.114]) @ colours.astype(np.float64) / 65_535
    return bool(brightness[-1] > brightness[0] and (np.diff(brightness) > -0.02).all())


def _channels_first(array: NDArray[np.generic], axes: str, path: Path) -> NDArray[np.generic]:
    """Convert an array with named axes to the order (C, Y, X)."""
    for letter, length in zip(axes, array.shape, strict=True):
        if letter not in "CSYX" and length > 1:
            what = AXIS_NAMES.get(letter, f"images along the axis {letter}")
            raise ImageError(
                f"{path}: holds {length} {what}; one image per channel is needed. Project or "
                "choose one beforehand, and save it as a file of its own."
            )
    if "Y" not in axes or "X" not in axes:
        raise ImageError(f"{path}: its axes are {axes}; an image needs Y and X.")
    kept = [i for i, letter in enumerate(axes) if letter in "YX" or array.shape[i] > 1]
    letters = "".join(axes[i] for i in kept)
    squeezed = array.reshape([array.shape[i] for i in kept])
    if "C" in letters and "S" in letters:
        raise ImageError(
            f"{path}: holds several channels of colour images (axes {axes}, shape {array.shape}). "
            "Export each channel as greyscale."
        )
    letters = letters.replace("S", "C")
    if "C" not in letters:
        letters, squeezed = "C" + letters, squeezed[np.newaxis]
    return squeezed.transpose([letters.index(letter) for letter in "CYX"])


def _without_alpha(planes: NDArray[np.generic], path: Path) -> NDArray[np.generic]:
    """Remove the last of two or four planes, the opacity, where it is constant."""
    if len(planes) not in {2, 4}:
        return planes
    opacity = planes[-1]
    if (opacity != opacity.flat[0]).any():
        raise ImageError(
            f"{path}: has an opacity (alpha) channel that varies from pixel to pixel; intensities "
            "under it are not known. Export it without transparency."
        )
    return planes[:-1]


def _ome_pixels(metadata: str | None) -> dict[str, Any]:
    """Return the element Pixels of the first image of the OME-XML; empty where there is none."""
    if not metadata:
        return {}
    image = xml2dict(metadata).get("OME", {}).get("Image", {})
    first: dict[str, Any] = image[0] if isinstance(image, list) else image
    return first.get("Pixels", {})


def _channel_names(tiff: TiffFile, count: int) -> list[str] | None:
    """Return channel names from OME or ImageJ metadata, only where there is one for each plane."""
    found = _ome_pixels(tiff.ome_metadata).get("Channel", [])
    channels = found if isinstance(found, list) else [found]
    names = [channel.get("Name") for channel in channels]
    if not names and tiff.imagej_metadata:
        names = list(tiff.imagej_metadata.get("Labels", []))
    return [str(name) for name in names] if len(names) == count and all(names) else None


def _read_png(
    path: Path, axes: str | None, max_gigabytes: float, with_names: bool
) -> tuple[NDArray[np.generic], list[str] | None]:
    return _colour_planes(decode_png(path, max_gigabytes=max_gigabytes), path)


def decode_png(
    path: Path, advice: str = COPY_AGAIN, max_gigabytes: float = MAX_GIGABYTES
) -> NDArray[np.generic]:
    """Read a PNG file whose pixels fit into memory.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    advice : str
        Advice on a damaged file, for the message.
    max_gigabytes : float
        Largest size of the decompressed pixels that is read.

    Returns
    -------
    ndarray, (Y, X) or (Y, X, samples)
        Its pixels.

    Raises
    ------
    ImageError
        If it claims an absurd size. Anything can come from damaged bytes.
    """
    data = read_regular(path)
    check_claim(_png_bytes(data), len(data), path, advice, max_gigabytes)
    return imagecodecs.png_decode(_without_texts(data))


def _png_bytes(data: bytes) -> int:
    """Return how many bytes of pixels the head of a PNG declares; 0 where it is cut off."""
    if len(data) < 26:  # the signature, and the first chunk: length, name, sizes, bits, colours
        return 0
    width, height, bits, colours = struct.unpack(">2I2B", data[16:26])
    samples = {0: 1, 2: 3, 3: 4, 4: 2}.get(colours, 4)  # a palette may become colours and opacity
    return int(width * height * samples * (2 if bits == 16 else 1))


def _without_texts(data: bytes) -> bytes:
    """Remove the chunks of a PNG that no pixel depends on, such as texts and colour profiles.

    They may decompress to any size.
    """
    kept, place = [data[:8]], 8
    while place + 8 <= len(data):
        length, name = struct.unpack(">I4s", data[place : place + 8])
        end = place + 12 + length
        if name[:1].isupper() or name == b"tRNS":
            kept.append(data[place:end])
        place = end
    return b"".join(kept)


def _read_jpeg(
    path: Path, axes: str | None, max_gigabytes: float, with_names: bool
) -> tuple[NDArray[np.generic], list[str] | None]:
    data = read_regular(path)
    # libjpeg paints the missing part grey without an error; a whole file has its end marker.
    if b"\xff\xd9" not in data[-64:]:
        raise DamagedImageError(f"{path}: truncated JPEG (its end marker is missing). {COPY_AGAIN}")
    check_claim(3 * math.prod(jpeg_size(data)), len(data), path, COPY_AGAIN, max_gigabytes)
    array = imagecodecs.jpeg_decode(data)
    if array.ndim == 3 and array.shape[2] == 4:
        raise ImageError(f"{path}: a JPEG in CMYK colours. Export it as greyscale or RGB.")
    return _colour_planes(array, path)


def _colour_planes(
    array: NDArray[np.generic], path: Path
) -> tuple[NDArray[np.generic], list[str] | None]:
    """Split a decoded (Y, X) or (Y, X, samples) array into planes."""
    if array.ndim == 2:
        return array[np.newaxis], None
    planes = _without_alpha(array.transpose(2, 0, 1), path)
    return planes, list(RGB_NAMES) if len(planes) == 3 else None


def _supported_pixels(planes: NDArray[np.generic], path: Path) -> NDArray[np.generic]:
    """Convert pixels to native uint8, uint16 or float32, only ever rounding 64-bit floats."""
    if planes.size == 0:
        raise DamagedImageError(f"{path}: has no pixels (shape {planes.shape}). Export it again.")
    dtype = planes.dtype.newbyteorder("=")
    if dtype in (np.uint8, np.uint16):
        return planes.astype(dtype, copy=False)
    if dtype == np.int16 and planes.min() >= 0:
        return planes.astype(np.uint16)
    if dtype.kind != "f":
        raise ImageError(
            f"{path}: its pixels are {dtype.name}. Export it as 8-bit or 16-bit unsigned integers "
            "or as 32-bit floats."
        )
    finite = np.isfinite(planes)
    if not finite.all():
        channel, y, x = np.argwhere(~finite)[0]
        raise DamagedImageError(
            f"{path}: {int((~finite).sum())} pixels are NaN or infinite, the first at plane "
            f"{channel}, y {y}, x {x}. Export it again, or replace them with a number."
        )
    return planes.astype(np.float32, copy=False)
