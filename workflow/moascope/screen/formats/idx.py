"""Input format `idx`: many small images in one file, with a file of labels, as MNIST is published.

The images are stored and read in parts of consecutive images. No part knows a class.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from moascope.core.errors import InputError
from moascope.screen.formats.base import InputFormat, Rows
from moascope.screen.formats.classes import SETS
from moascope.screen.idx_files import find_pairs, read_array, read_shape

if TYPE_CHECKING:
    from moascope.screen.formats.image_folders import ImageFile
    from moascope.screen.options import Input, ScreenOptions
    from moascope.screen.problems import Problems

PART = 10_000
"""Images that a part holds, at most."""

_DIGITS = 6  # of the numbers in names of images


class IdxReader:
    """Reader of pairs of IDX files."""

    def source(self, options: ScreenOptions) -> str:
        """Return the folder."""
        return str(options.input.images)

    def lists_files(self, options: Input) -> bool:
        """Return False: files of labels describe the images, as a sheet does."""
        return False

    def list_files(self, options: Input) -> NoReturn:
        """Raise, as no folder of image files is listed."""
        raise InputError("input.format: 'idx' lists no folder of image files")

    def plate_names(
        self, options: Input, files: Sequence[ImageFile] | None = None
    ) -> tuple[set[str], str]:
        """Return the names of the parts that the images are stored in, see `Reader`."""
        pairs = find_pairs(_folder(options))
        n = sum(read_shape(images)[0] for images, _ in pairs.values())
        return set(name_parts(n)), str(options.images)

    def row_files(self, options: Input) -> list[str]:
        """Return the files of images and labels."""
        pairs = find_pairs(_folder(options)).values()
        return [str(path) for pair in pairs for path in pair]

    def read(self, options: ScreenOptions, problems: Problems) -> Rows:
        """Read a row per image, set by set, see `Reader`."""
        section = options.input
        folder = _folder(section)
        channels = dict(section.channels)
        if len(channels) != 1 or str(next(iter(channels.values()))) != "0":
            problems.add(
                f"input.channels: images of format 'idx' have one channel, got {channels}; write "
                "{grey: 0}"
            )
        columns: dict[str, list[str]] = {
            key: [] for key in ("place", "name", "label", "set", "file", "index")
        }
        for name, (images, labels) in find_pairs(folder).items():
            shape = problems.attempt(read_shape, images)
            values = problems.attempt(read_array, labels, "labels", section.max_image_gigabytes)
            if shape is None or values is None:
                continue
            n = shape[0]
            if n != len(values):
                problems.add(
                    f"{images.name} holds {n:,} images, and {labels.name} {len(values):,} labels; "
                    "give the files of one set"
                )
                continue
            numbers = [f"{i:0{_DIGITS}d}" for i in range(n)]
            columns["place"] += [f"{images.name}, image {number}" for number in numbers]
            columns["name"] += [f"{name}-{number}" for number in numbers]
            columns["label"] += [str(value) for value in values.tolist()]
            columns["set"] += [_set_of(name)] * n
            columns["file"] += [images.name] * n
            columns["index"] += [str(i) for i in range(n)]
        n = len(columns["name"])
        if not n and not problems.sentences:
            problems.add("no image in any file; correct input.images")
        root = os.path.abspath(folder)  # noqa: PTH100
        file, index = columns.pop("file"), columns.pop("index")
        columns |= {"root": [root] * n, "plate": [root] * n, "part": name_parts(n)}
        labels_of = {"label": "labels", "set": "set"}
        for channel in list(channels)[:1]:
            columns |= {f"file:{channel}": file, f"index:{channel}": index}
            labels_of[f"file:{channel}"] = "image"
        return Rows(columns, labels_of)


def name_parts(n: int) -> list[str]:
    """Return the part of each of n images, such as part-2-of-7."""
    n_parts = -(-n // PART)
    width = len(str(n_parts))
    return [f"part-{i // PART + 1:0{width}d}-of-{n_parts}" for i in range(n)]


def _set_of(name: str) -> str:
    """Return the set that a file is named after; empty where it is named after none."""
    return ({**SETS, "t10k": "test"}).get(name.rsplit("-", 1)[-1].casefold(), "")


def _folder(options: Input) -> str:
    if options.images is None:
        raise InputError("input.images: format 'idx' needs the folder of the files")
    return options.images


FORMAT = InputFormat(
    name="idx",
    description="images without plates or wells: pairs of IDX files of images and labels in "
    "`images`, as MNIST is published, as they are or gzipped "
    "(train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-...)",
    reader=IdxReader(),
    required_keys=("images",),
    refused_keys={
        "groups": "files of labels name nothing but classes",
        "sheet": "files of labels stand in for a sheet",
    },
    has_plates=False,
)
