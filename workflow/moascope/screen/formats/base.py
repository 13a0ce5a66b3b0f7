"""Interface of input formats.

Free of pandas on purpose: the workflow reads plate names each time a job starts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from moascope.screen.formats.image_folders import ImageFile, LeftOut
    from moascope.screen.options import Input, ScreenOptions
    from moascope.screen.problems import Problems

ROLES = (
    "plate",
    "site",
    "batch",
    "compound",
    "concentration",
    "moa",
    "replicate",
    "field",
    "mask",
)
"""Columns of `Rows` that a sheet or the names of files can fill."""

ONLY_PLANE = "-1"
"""Plane of a file that holds a single one."""

FORMAT_KEYS = ("path_column", "pattern", "sheet", "delimiter", "path_prefix")
"""Keys of the section `input` that not all formats use."""


@dataclass
class Rows:
    """Sites as a format gives them, not checked yet.

    Parameters
    ----------
    columns : dict of str to list of str
        Text as written, one entry per site, empty where there is none: `place` (for messages),
        `root` (image folder, absolute), `well`, each of `ROLES`, `group:{name}` for free groups,
        and per channel `file:{ch}` and `index:{ch}` (plane, `ONLY_PLANE` for the only one). Images
        without plates have `name`, `label`, `set` and the `part` that stores them instead of wells
        and roles.
    labels : dict of str to str
        Words of messages for a column; a column without a label is not in the input.
    misnamed : set of str
        Columns that are missing because the configuration names them wrongly. The problem is noted
        already, so that nothing that follows from it needs to be.
    """

    columns: dict[str, list[str]]
    labels: dict[str, str]
    misnamed: set[str] = field(default_factory=set)


class Reader(Protocol):
    """Functions that read a kind of input."""

    def source(self, options: ScreenOptions) -> str:
        """Return the sheet or folder, as the first words of an error message."""

    def lists_files(self, options: Input) -> bool:
        """Return whether the images are found by listing a folder."""

    def list_files(self, options: Input) -> tuple[list[ImageFile], LeftOut]:
        """List the image files of a folder, at least one, and what else is there."""

    def plate_names(
        self, options: Input, files: Sequence[ImageFile] | None = None
    ) -> tuple[set[str], str]:
        """Read the names of the plates and nothing else.

        Parameters
        ----------
        options : Input
            The section `input`.
        files : sequence of ImageFile, optional
            Result of `list_files`, where the folder has been listed already.

        Returns
        -------
        names : set of str
            As written; empty where a row names none.
        source : str
            The sheet or folder, for messages.
        """

    def row_files(self, options: Input) -> list[str]:
        """Return the files that rows are read from, besides a sheet."""

    def read(self, options: ScreenOptions, problems: Problems) -> Rows:
        """Read all rows; note what is wrong with single rows, columns and channels."""


@dataclass(frozen=True)
class InputFormat:
    """A format of `input.format`.

    Parameters
    ----------
    name : str
        Its name in the configuration.
    description : str
        Words for the documentation of the key.
    reader : Reader
        Functions that read it.
    required_keys : tuple of str
        Keys of `input` that must be given.
    used_keys : tuple of str
        Those of `FORMAT_KEYS` that have an effect.
    refused_keys : mapping of str to str
        Other keys that may not be given, with the reason.
    has_plates : bool
        Whether images lie in wells of plates and show treatments.
    makes_images : bool
        Whether the workflow makes the images itself.
    is_partly_annotated : bool
        Whether treated wells may lack a mechanism of action.
    batch_pattern : str, optional
        Regular expression with one group that finds the batch in plate names, where the
        configuration gives none.
    """

    name: str
    description: str
    reader: Reader
    required_keys: tuple[str, ...] = ()
    used_keys: tuple[str, ...] = ()
    refused_keys: Mapping[str, str] = field(default_factory=dict)
    has_plates: bool = True
    makes_images: bool = False
    is_partly_annotated: bool = False
    batch_pattern: str | None = None

    def idle_keys(self, options: Input) -> dict[str, str]:
        """Return the keys that have no effect, with the key and value that causes it."""
        reasons = {key: f"format {self.name!r}" for key in FORMAT_KEYS if key not in self.used_keys}
        if "sheet" not in self.used_keys or "sheet" in self.required_keys:
            return reasons
        # The sheet is optional: the images are listed either there or in a folder.
        if options.sheet is None:
            return reasons | dict.fromkeys(
                ("path_column", "delimiter", "path_prefix"), "sheet null"
            )
        return reasons | {"pattern": f"sheet {options.sheet!r}"}
