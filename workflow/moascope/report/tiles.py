"""Tiles: pictures of single units, all with the same display range."""

from __future__ import annotations

import base64
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from moascope.images.channel_colours import channel_colours
from moascope.report.context import Context, example_units
from moascope.report.figures import pictures
from moascope.report.figures.pictures import Array
from moascope.report.options import ListedAugmentation

TILE_SIDE = 160


class Painter:
    """Painter of tiles in one set of colours and display ranges.

    Attributes
    ----------
    colours : dict of str to str
        CSS colours by channel.
    limits : ndarray of float, shape (C, 2)
        Intensities shown as black and as full light.
    bar_um : float or None
        Length of the scale bar in micrometres; None where the size of a pixel is unknown.
    """

    def __init__(self, context: Context) -> None:
        """Choose colours and display ranges by the examples of all classes.

        Parameters
        ----------
        context : Context
            Flagged units do not count: they would set the display range of all others.
        """
        channels = context.options.channels
        self.colours = {name: f"#{colour}" for name, colour in channel_colours(channels).items()}
        self.words = context.options.words
        self._images = context.images
        self._pixel_um = context.pixel_um
        shown = [self._images[unit] for _, chosen in choose_examples(context) for unit in chosen]
        self.limits = pictures.display_limits(shown, list(self.colours))
        widths = [image.shape[1] for image in shown]
        self.bar_um = (
            pictures.scale_bar_length(max(widths) * self._pixel_um)
            if self._pixel_um and widths
            else None
        )

    def draw(self, image: Array) -> npt.NDArray[np.uint8]:
        """Draw an image as a tile.

        Parameters
        ----------
        image : ndarray of float, shape (H, W, C)
            Nominal range [0, 1].

        Returns
        -------
        ndarray of uint8, shape (h, w, 3)
            RGB with a scale bar, at most `TILE_SIDE` px.
        """
        small = pictures.thumbnail(image, TILE_SIDE)
        rgb = pictures.composite(small, self.limits, list(self.colours.values()))
        if self.bar_um is None or self._pixel_um is None:
            return rgb
        # Thumbnails are shrunk by whole factors.
        pixel_um = self._pixel_um * (image.shape[1] // small.shape[1])
        return pictures.with_scale_bar(rgb, self.bar_um / pixel_um)

    def source(self, image: Array) -> str:
        """Return an image of `draw` as the data URL of a JPEG."""
        encoded = base64.b64encode(pictures.jpeg(self.draw(image))).decode("ascii")
        return f"data:image/jpeg;base64,{encoded}"

    def tile(self, unit_id: str, units: pd.DataFrame) -> dict[str, Any]:
        """Return the picture of a unit with its text.

        Parameters
        ----------
        unit_id : str
            Its pixels are in the context.
        units : pandas.DataFrame
            Units table by unit_id.

        Returns
        -------
        dict
            src (data URL), alt, treatment (or class, of images without plates) and place.
        """
        unit = cast(dict[str, Any], units.loc[unit_id].to_dict())
        if not self.words.has_plates:
            label = str(unit["moa"]) or "unlabelled"
            return {
                "src": self.source(self._images[unit_id]),
                "alt": f"{unit_id}, {self.words.label} {label}",
                "treatment": label,
                "place": unit_id,
            }
        dose = "" if pd.isna(unit["concentration"]) else f" {unit['concentration']:g} µM"
        treatment = f"{unit['compound']}{dose}"
        return {
            "src": self.source(self._images[unit_id]),
            "alt": f"{unit_id}: {treatment}, plate {unit['plate']}, well {unit['well']}",
            "treatment": treatment,
            "place": unit_id,
        }


def choose_examples(context: Context) -> list[tuple[str, list[str]]]:
    """Choose the examples of every class, see `context.example_units`."""
    return example_units(
        context.units,
        context.options.seed,
        context.options.report.max_examples,
        with_flagged=not context.options.exclude_flagged,
    )


def explain_no_examples(context: Context) -> str:
    """Return the reason why there are no example images."""
    count = len(context.units)
    return f"No images to show: all {count:,} units are flagged or have too little foreground."


def examples_section(context: Context, painter: Painter) -> list[dict[str, Any]]:
    """Return the tiles of every class for the template."""
    units = context.units.set_index("unit_id")
    return [
        {"name": name, "tiles": [painter.tile(unit, units) for unit in chosen]}
        for name, chosen in choose_examples(context)
    ]


def augmentation_section(context: Context, painter: Painter) -> list[dict[str, Any]]:
    """Return a row for each augmentation by itself, and rows for all of them together.

    Returns
    -------
    list of dict
        name, settings, and the tiles: unchanged, then augmented.
    """
    preview = context.augmentation
    if preview is None:
        return []
    steps = context.options.augmentation
    rows = []
    for number, images in enumerate(preview):
        step = steps[number] if number < len(steps) else None
        name = step.name.replace("_", " ") if step else "all together"
        tiles = [
            {
                "src": painter.source(image),
                "alt": f"{name}, version {k}" if k else f"Unit of {name}, unchanged",
            }
            for k, image in enumerate(images)
        ]
        rows.append({"name": name, "settings": _settings(step) if step else "", "tiles": tiles})
    return rows


def _settings(step: ListedAugmentation) -> str:
    """Return the parameters of an augmentation that are set, in words."""
    words = []
    for key, value in step.values().items():
        if key == "probability":
            continue
        if isinstance(value, int | float):
            words.append(f"{key} {value:g}")
        elif isinstance(value, str):
            words.append(f"{key} {value}")
        else:
            words.append(f"{len(value)} {key}")
    probability = step.values().get("probability", 1)
    if probability < 1:
        words.append(f"{probability:.0%} of the units")
    return ", ".join(words)
