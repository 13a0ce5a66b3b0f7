"""Inputs of the rules that read a screen: plates, sheets and image files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from moascope.config.root import Config
from moascope.core.errors import InputError
from moascope.core.options import restore
from moascope.pipeline.inputs.base import RuleInputs, Wildcards, fill
from moascope.screen.formats.image_folders import ImageFile
from moascope.screen.formats.registry import find_format
from moascope.screen.options import ScreenOptions
from moascope.screen.plates import plate_names
from moascope.screen.tables.platemap_list import platemap_files
from moascope.simulation.plates import name_plates

READING = ("axes", "on_size_mismatch", "on_bad_image", "max_image_gigabytes", "pixel_size_um")
"""Keys of the section `input` that say how images are read; the site table ignores them."""

_PLATES_PER_PART = 64  # per job that reads headers


def screen_options(config: Config) -> dict[str, Any]:
    """Return the options that the sample sheet is read with, as of `ScreenOptions`.

    Parameters
    ----------
    config : Config
        With the section `input`.

    Returns
    -------
    dict
        Plain values.
    """
    unused = (*READING, "unit", "brightfield", "label_name")
    section = config.section("input")
    read = {key: value for key, value in section.items() if key not in unused}
    # The files of a simulation are never damaged.
    is_simulated = config.input is not None and config.input.makes_images()
    on_bad_image = "error" if is_simulated else section["on_bad_image"]
    return {
        "input": read | {"on_bad_image": on_bad_image},
        "needs_controls": config.needs_controls(),
        "labels_required": bool(config.models),
    }


def list_images(config: Config) -> tuple[list[ImageFile] | None, str | None]:
    """List the image files of a folder that no sheet describes.

    Parameters
    ----------
    config : Config
        The configuration.

    Returns
    -------
    files : list of ImageFile or None
        None where a sheet lists the images, or there is no screen.
    warning : str or None
        A sentence about files that are left out.

    Raises
    ------
    InputError
        If the folder is missing or no file matches.
    """
    if config.input is None or not config.input.lists_files():
        return None, None
    files, left_out = find_format(config.input.format).reader.list_files(config.input)
    return files, left_out.warning(str(config.input.images), len(files))


def list_plates(config: Config, files: Sequence[ImageFile] | None) -> list[str]:
    """Return the plates of a screen, from the sample sheet or the simulation.

    Parameters
    ----------
    config : Config
        The configuration.
    files : sequence of ImageFile or None
        From `list_images`.

    Returns
    -------
    list of str
        Sorted; none without a screen.

    Raises
    ------
    InputError
        With all problems of the sample sheet, if it does not name the plates.
    """
    if config.input is None:
        return []
    if config.input.makes_images():
        return name_plates(config.simulate.plates, config.simulate.batches)
    try:
        return plate_names(config.input, files)
    except InputError:
        _raise_all_problems(config)
        raise


def _raise_all_problems(config: Config) -> None:
    """Raise an error with all problems of a sample sheet, if reading it finds any."""
    from moascope.screen.site_table import read_sites  # noqa: PLC0415  (loads pandas)

    read_sites(restore(ScreenOptions, screen_options(config)))


@dataclass(frozen=True)
class ScreenInputs(RuleInputs):
    """Inputs and parameters of the rules that read a screen.

    Parameters
    ----------
    files : sequence of ImageFile or None
        The image files, where no sheet lists them.
    """

    files: Sequence[ImageFile] | None = None

    @property
    def fluorescence(self) -> list[str]:
        """Return the channels that are not brightfield, in order."""
        brightfield = self.config.input.brightfield if self.config.input else []
        return [name for name in self.channels if name not in brightfield]

    @property
    def parts(self) -> list[list[str]]:
        """Return the plates in parts, one per job that reads headers."""
        starts = range(0, len(self.plates), _PLATES_PER_PART)
        return [list(self.plates[start : start + _PLATES_PER_PART]) for start in starts]

    def files_of_part(self, wildcards: Wildcards) -> list[str]:
        """Return the tables of image files of the plates of a part."""
        return fill(self.paths.plate_files, plate=self.parts[int(wildcards.part)])

    def headers_of_parts(self) -> list[str]:
        """Return the image sizes of all parts."""
        return fill(self.paths.headers, part=range(len(self.parts)))

    def sheets(self) -> dict[str, Any]:
        """Return the files that describe the screen, by name of the input."""
        if self.is_simulated:
            return {"sheets": self.all_plates(self.paths.simulated_sheet)}
        return self.given_sheets()

    def given_sheets(self) -> dict[str, Any]:
        """Return the files of the user that describe the screen, by key of the configuration."""
        section = self.config.input
        if section is None:
            return {}
        keys = ("sheet", "moa_table", "platemap", "platemaps")
        given = {key: getattr(section, key) for key in keys}
        given["platemap_files"] = [str(path) for path in platemap_files(section)] or None
        given["row_files"] = find_format(section.format).reader.row_files(section) or None
        return {key: path for key, path in given.items() if path is not None}

    def digest(self) -> list[str] | None:
        """Compute digests of the sheets and of the list of image files.

        An edited sheet may have an older date than the results. None for a simulation.
        """
        if self.is_simulated:
            return None
        contents = [] if self.files is None else [repr(self.files).encode()]
        for given in self.given_sheets().values():
            paths = [given] if isinstance(given, str) else given
            contents += [Path(path).read_bytes() for path in paths if Path(path).is_file()]
        return [sha256(content).hexdigest() for content in contents]

    def binary_masks(self) -> str | None:
        """Return how binary masks of the screen are read; None where no engine needs masks."""
        section = self.config.segmentation
        return section.binary_masks if self.has_masks and section.annotated is None else None

    def reading_options(self) -> dict[str, Any]:
        """Return how images are read."""
        return self.config.section("input", *READING)

    def flagging_options(self) -> dict[str, Any]:
        """Return the limits that sites are flagged by."""
        keys = ("focus_z", "max_saturated", "min_foreground", "intensity_z")
        return self.config.section("quality", *keys)

    def size_of_units(self) -> dict[str, Any] | None:
        """Return size and tiles of the units; None where cells, or nothing, are classified."""
        if not self.config.models or self.config.units.cells:
            return None
        return self.config.section("units", "size", "tiles")
