"""Input format `folder`: file names that encode plate, well, site and channel."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from moascope.core.errors import InputError
from moascope.core.text.patterns import compile_pattern
from moascope.core.text.suggestions import advise
from moascope.screen.formats.base import ONLY_PLANE, ROLES, InputFormat, Rows
from moascope.screen.formats.image_folders import ImageFile, LeftOut, find_images
from moascope.screen.free_groups import PREFIX, values_of_files
from moascope.screen.wells import well_from_parts

if TYPE_CHECKING:
    from moascope.screen.options import Input, ScreenOptions
    from moascope.screen.problems import Problems

logger = logging.getLogger(__name__)

# The notation of InCell microscopes: A - 01.
_SPACED_WELL = re.compile(r"([A-Za-z]{1,2})[ _-]+([0-9]{1,3})")

_Site = tuple[str, str, str]  # plate, well and site


class FolderReader:
    """Reader of image folders."""

    def source(self, options: ScreenOptions) -> str:
        """Return the folder."""
        return str(options.input.images)

    def lists_files(self, options: Input) -> bool:
        """Return True."""
        return True

    def list_files(self, options: Input) -> tuple[list[ImageFile], LeftOut]:
        """List the files that the pattern matches, of whatever channel, see `Reader`."""
        pattern = _pattern(options)
        files, left_out = find_images(
            options.images, pattern, reason="that do not match input.pattern"
        )
        if not files:
            raise InputError(
                f"input.pattern: of the files in {options.images} none matches "
                f"{pattern.pattern!r}, {left_out.example()}; a pattern with '/' must match the "
                "whole path below the folder, any other the file name"
            )
        return files, left_out

    def plate_names(
        self, options: Input, files: Sequence[ImageFile] | None = None
    ) -> tuple[set[str], str]:
        """Read the names of the plates that have a channel of the screen, see `Reader`."""
        if files is None:
            files, _ = self.list_files(options)
        used = _files_of_channels(files, options)
        return {file.groups["plate"] for file in used}, f"input.pattern in {options.images}"

    def row_files(self, options: Input) -> list[str]:
        """Return no file: rows come from the sheet or from the names of the images."""
        return []

    def read(self, options: ScreenOptions, problems: Problems) -> Rows:
        """Read a site from each group of files with one plate, well and site, see `Reader`."""
        section = options.input
        every, left_out = self.list_files(section)
        if warning := left_out.warning(str(section.images), len(every)):
            problems.note(warning)
        logger.info(left_out.note(str(section.images)))
        files = _files_of_channels(every, section)
        channels = _channels_of_files(every, section, problems)
        if not files:
            problems.raise_if_any(self.source(options))
        sites = _sites(files, problems)
        return _rows(sites, channels, section, problems)


def reads_planes(options: Input) -> bool:
    """Return whether each file holds all channels, as planes or as colours.

    Then the pattern has no group `channel`, and channels are found by the number of their plane.
    """
    is_numbered = all(isinstance(source, int) for source in options.channels.values())
    return is_numbered and "(?P<channel>" not in str(options.pattern)


def _pattern(options: Input) -> re.Pattern[str]:
    needed = {"plate", "well", "channel"}
    if reads_planes(options):
        needed.remove("channel")
    text = str(options.pattern)
    pattern = compile_pattern(text, "input.pattern")
    groups = set(pattern.groupindex)
    missing = needed - groups
    if "well" in missing and {"row", "column"} & groups:  # which will do
        missing = missing - {"well"} | ({"row", "column"} - groups)
    if missing:
        raise missing_groups(text, missing)
    return pattern


def missing_groups(pattern: str, missing: set[str]) -> InputError:
    """Return the error of a pattern that lacks named groups."""
    return InputError(
        f"input.pattern: {pattern!r} lacks the named groups {', '.join(sorted(missing))}; "
        f"write for example (?P<{min(missing)}>[^_]+)"
    )


def _files_of_channels(files: Sequence[ImageFile], options: Input) -> list[ImageFile]:
    if reads_planes(options):
        return list(files)
    sources = {str(source) for source in options.channels.values()}
    return [file for file in files if file.groups["channel"] in sources]


def _channels_of_files(
    files: Sequence[ImageFile], options: Input, problems: Problems
) -> dict[str, str]:
    """Return the label of each channel that has files; note those that have none."""
    if reads_planes(options):
        return dict.fromkeys(options.channels, "the image")
    known = dict.fromkeys(file.groups["channel"] for file in files)
    labels = {}
    for channel, source in options.channels.items():
        if str(source) in known:
            labels[channel] = f"channel {channel!r}"
        else:
            problems.add(
                f"input.channels.{channel}: no file has the channel {str(source)!r}; "
                + advise(str(source), known)
            )
    return labels


def _sites(files: Sequence[ImageFile], problems: Problems) -> dict[_Site, dict[str, ImageFile]]:
    """Return the files of each site by the value of the group channel, the first of each."""
    sites: dict[_Site, dict[str, ImageFile]] = {}
    repeated: list[tuple[ImageFile, ImageFile, _Site]] = []
    for file in files:
        site = (file.groups["plate"], _well(file.groups), file.groups.get("site", "1"))
        of_site = sites.setdefault(site, {})
        first = of_site.setdefault(file.groups.get("channel", ""), file)
        if first is not file:
            repeated.append((file, first, site))

    def sentence(number: int) -> str:
        file, first, (plate, well, site) = repeated[number]
        return (
            f"file {file.path!r}: plate {plate!r}, well {well!r}, site {site!r} already has "
            f"{first.path!r} for channel {file.groups.get('channel', '')!r}; correct "
            "input.pattern so that their names differ, or remove one of the files"
        )

    problems.rows(range(len(repeated)), sentence, "files of that kind")
    return sites


def _well(groups: Mapping[str, str]) -> str:
    """Return the well that the name of a file names."""
    if "well" not in groups:
        return well_from_parts(groups["row"], groups["column"])
    parts = _SPACED_WELL.fullmatch(groups["well"])
    return parts[1] + parts[2] if parts else groups["well"]


def _rows(
    sites: Mapping[_Site, Mapping[str, ImageFile]],
    channels: Mapping[str, str],
    options: Input,
    problems: Problems,
) -> Rows:
    firsts = [next(iter(files.values())) for files in sites.values()]
    n_sites = len(firsts)
    columns = {role: [""] * n_sites for role in ROLES}
    columns["plate"] = [plate for plate, _, _ in sites]
    columns["well"] = [well for _, well, _ in sites]
    columns["site"] = [site for _, _, site in sites]
    columns["batch"] = [file.groups.get("batch", "") for file in firsts]
    columns["place"] = [f"file '{file.path}'" for file in firsts]
    # If the root is a link, paths keep it.
    columns["root"] = [os.path.abspath(str(options.images))] * n_sites  # noqa: PTH100
    named = firsts[0].groups if firsts else {}
    labels: dict[str, str] = {
        name: f"group {name!r} of input.pattern"
        for name in ("plate", "well", "batch")
        if name in named
    }
    labels["site"] = "group 'site' of input.pattern"
    labels.setdefault("well", "groups 'row' and 'column' of input.pattern")
    planes = reads_planes(options)
    for channel, source in options.channels.items():
        key = "" if planes else str(source)
        files = [of_site.get(key) for of_site in sites.values()]
        columns[f"file:{channel}"] = [file.path if file else "" for file in files]
        columns[f"index:{channel}"] = [str(source) if planes else ONLY_PLANE] * n_sites
        if channel in channels:
            labels[f"file:{channel}"] = channels[channel]
    paths = [file.path for file in firsts]
    for name, values in values_of_files(paths, options, problems).items():
        columns[PREFIX + name] = values
        labels[PREFIX + name] = f"group {name!r} of input.pattern"
    return Rows(columns, labels)


FORMAT = InputFormat(
    name="folder",
    description="image files whose names match `pattern`",
    reader=FolderReader(),
    required_keys=("images", "pattern"),
    used_keys=("pattern",),
)
