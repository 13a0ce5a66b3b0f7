"""Options of the section `input`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, field_validator

from moascope.core.errors import InputError
from moascope.core.image_limits import MAX_GIGABYTES
from moascope.core.options import (
    Cell,
    FilePath,
    Name,
    Rooted,
    Section,
    Whole,
    consistency_check,
    refuse,
    without_effect,
)
from moascope.core.text.suggestions import unknown
from moascope.screen.formats.registry import FORMATS, find_format
from moascope.screen.free_groups import problems_of_names

if TYPE_CHECKING:
    FormatName = str
else:
    FormatName = Literal[tuple(FORMATS)]

Column = Cell | list[Cell] | None


class Columns(Section):
    """Columns of the sample sheet by role; several are joined with `_`, null: none."""

    plate: Column = Field("plate", description="plate name")
    well: Column = Field("well", description="well name such as B02 or b2")
    row: Column = Field(None, description="well row (letter or number), instead of `well`")
    column: Column = Field(None, description="well column (number), instead of `well`")
    label: Column = Field("label", description="classes: class of the image")
    set: Column = Field(
        "set",
        description="classes: train, validation or test, for a split with method fixed and no "
        "file; used if the sheet has this column",
    )
    site: Column = Field(
        "site", description="field of view within the well; null: one image per well"
    )
    batch: Column = Field(None, description="imaging batch, for example the week")
    compound: Column = Field("compound", description="compound name")
    concentration: Column = Field("concentration", description="dose in micromolar")
    moa: Column = Field("moa", description="mechanism of action")
    replicate: Column = Field(None, description="replicate name")
    field: Column = Field(
        None,
        description="physical field of view, where several images are crops of one field; null: "
        "every image is a field of its own",
    )
    mask: Column = Field(
        None,
        description="path below `images` of the reference mask of a site; empty: none. A label "
        "image (0 is background, one number per object), or a folder with one binary mask per "
        "object. See `segmentation`",
    )


class PlatemapColumns(Section):
    """Columns of a platemap by role; null: as in `columns`."""

    plate: Column = Field(None, description="plate name; not used with `platemaps`")
    well: Column = Field(None, description="well name")
    row: Column = Field(None, description="well row (letter or number), instead of `well`")
    column: Column = Field(None, description="well column (number), instead of `well`")
    batch: Column = Field(None, description="imaging batch")
    compound: Column = Field(None, description="compound name")
    concentration: Column = Field(None, description="dose in micromolar")
    moa: Column = Field(None, description="mechanism of action")
    barcode: Cell = Field(
        "Assay_Plate_Barcode", description="`platemaps`: column with the plate name"
    )
    file: Cell = Field(
        "Plate_Map_Name",
        description="`platemaps`: column with the file name of the platemap, with or without its "
        "ending",
    )


class MoaTableColumns(Section):
    """Columns of the table of mechanisms by role; null: as in `columns`."""

    compound: Column = Field(None, description="compound name")
    concentration: Column = Field(None, description="dose in micromolar")
    moa: Column = Field(None, description="mechanism of action")


class Input(Rooted):
    """Images of the screen and the metadata of their wells."""

    paths = ("sheet", "images", "moa_table", "platemap", "platemaps")

    format: FormatName = Field(
        description="; ".join(f"{name}: {entry.description}" for name, entry in FORMATS.items())
    )
    sheet: FilePath | None = Field(None, description="path of the sample sheet")
    images: FilePath | None = Field(
        None,
        description="image folder; it contains all images, and paths in the sheet are relative to "
        "it. null: the folder of the sheet",
    )
    moa_table: FilePath | None = Field(
        None,
        description="table with compound, moa and optionally concentration, joined to the sheet",
    )
    platemap: FilePath | None = Field(
        None,
        description="table with well, compound, concentration, moa, batch and optionally plate, "
        "for roles that the sheet or the folder lacks. `platemap_columns` names its columns",
    )
    platemaps: FilePath | None = Field(
        None,
        description="table of plates and the files of their platemaps, instead of `platemap`. The "
        "files are in the folder of this table, or in a folder `platemap` there",
    )
    pattern: str | None = Field(
        None,
        description="regular expression with named groups. folder: plate, well (or row and "
        "column), channel, and optionally site and batch. classes: label, and optionally set and "
        "those of `groups`; null: a folder per class, or folders train, validation and test with "
        "a folder per class. Matched against the file name, or with a / against the path below "
        "the image folder",
    )
    channels: dict[Name, Cell | int] = Field(
        description="names of the channels in order, each with its source. table: a column. table "
        "with `path_column`, classes, folder without a group `channel`: a plane number from 0 "
        "(RGB colours are planes). loaddata, bbbc021: the name of the channel there. folder: a "
        "value of the group `channel`"
    )
    brightfield: list[Name] = Field(
        [],
        description="channels with dark or textured objects (brightfield, phase contrast, DIC); "
        "their foreground is where the image is textured",
    )
    path_column: Cell | None = Field(
        None,
        description="table: column with the path of a multi-channel image. classes: column with "
        "the path; null: path, file, filename or image",
    )
    columns: Columns = Field(default_factory=Columns, description="columns of the sheet")
    platemap_columns: PlatemapColumns = Field(
        default_factory=PlatemapColumns, description="columns of the platemap"
    )
    moa_table_columns: MoaTableColumns = Field(
        default_factory=MoaTableColumns, description="columns of the table of mechanisms"
    )
    path_prefix: dict[str, FilePath] = Field(
        {},
        description="leading folders of paths in the sheet and their replacements on this "
        "machine, as in {/mnt/imaging: /data}. Relative replacements are below `images`; the "
        "longest match is used",
    )
    groups: dict[Name, str] = Field(
        {},
        description="names and columns of further groups for splits, audits and intervals, as in "
        "{patient: patient_id}; a list if the names are the same. folder: groups of `pattern`. "
        "Empty cells are refused",
    )
    delimiter: Literal["auto", ",", "\t", ";"] = Field(
        "auto", description="delimiter of the sheet; auto: detected"
    )
    plate_format: Annotated[Literal[96, 384, 1536], Whole] = Field(
        96, description="wells per plate"
    )
    label_name: str | None = Field(
        None,
        min_length=1,
        max_length=60,
        description="word for a class in the report, singular, for example phenotype; null: "
        "mechanism of action, or class (format classes)",
    )
    batch_from_plate: str | None = Field(
        None, description="regular expression with one group that matches the batch in plate names"
    )
    controls: list[Cell] = Field(["DMSO"], description="compounds that are negative controls")
    zero_dose: Literal["vehicle", "treated"] = Field(
        "vehicle",
        description="wells with a compound at dose 0. vehicle: controls without a mechanism; "
        "treated: keep the mechanism of the compound",
    )
    unit: Literal["site", "cell"] = Field(
        "site", description="content of one image: a site or a single cell"
    )
    axes: str | None = Field(
        None,
        pattern=r"^[CYXSZT]+$",
        description="order of the axes in image files that do not name them, for example CYX",
    )
    on_size_mismatch: Literal["error", "crop", "resize", "pad"] = Field(
        "error",
        description="images of different size. error: stop; crop: cut the centre to the smallest "
        "height and width of the screen; resize: to the median height and width, aspect ratio "
        "kept; pad: to the largest height and width. resize and pad fill with the median of the "
        "rim of each channel",
    )
    on_bad_image: Literal["error", "quarantine"] = Field(
        "error",
        description="missing or damaged images. error: stop; quarantine: leave out their sites "
        "and report them",
    )
    max_image_gigabytes: float = Field(
        MAX_GIGABYTES,
        gt=0,
        description="largest decompressed size of an image file in gigabytes; larger ones are "
        "refused before memory is allocated",
    )
    pixel_size_um: float | None = Field(None, gt=0, description="pixel size in micrometres")

    @field_validator("groups", mode="before")
    @classmethod
    def _named_alike(cls, given: Any) -> Any:
        if isinstance(given, list) and all(isinstance(name, str) for name in given):
            return {name: name for name in given}
        return given

    @field_validator("groups")
    @classmethod
    def _free_names(cls, groups: dict[str, str]) -> dict[str, str]:
        if problems := problems_of_names(groups):
            raise ValueError("\n".join(problems))
        return groups

    @consistency_check
    def _complete(self) -> Input:
        input_format = find_format(self.format)
        missing = [key for key in input_format.required_keys if getattr(self, key) is None]
        problems = [f"format {self.format!r} also needs {', '.join(missing)}"] if missing else []
        if not self.channels:
            problems.append("channels must name at least one channel")
        problems += [
            f"brightfield: {unknown('channel', name, self.channels)}"
            for name in self.brightfield
            if name not in self.channels
        ]
        problems += [
            f"{key}: {reason}; remove it"
            for key, reason in input_format.refused_keys.items()
            if getattr(self, key)
        ]
        refuse([*problems, *self._problems_of_tables()])
        return self

    def _problems_of_tables(self) -> list[str]:
        problems = []
        has_platemap = self.platemap is not None or self.platemaps is not None
        if self.platemap is not None and self.platemaps is not None:
            problems.append("platemap and platemaps exclude each other; remove one of the two")
        if not has_platemap and self.platemap_columns != PlatemapColumns():
            problems.append("platemap_columns has no effect without platemap; remove it")
        if self.moa_table is None and self.moa_table_columns != MoaTableColumns():
            problems.append("moa_table_columns has no effect without moa_table; remove it")
        problems += without_effect(self, find_format(self.format).idle_keys(self))
        if not all(self.path_prefix):
            problems.append("path_prefix: a folder is empty; name the beginning of the paths")
        return problems

    def lists_files(self) -> bool:
        """Return whether the images are found by listing a folder."""
        return find_format(self.format).reader.lists_files(self)

    def makes_images(self) -> bool:
        """Return whether the workflow makes the images itself."""
        return find_format(self.format).makes_images

    def sheet_path(self) -> Path:
        """Return the path of the sample sheet.

        Raises
        ------
        InputError
            If there is none.
        """
        if not self.sheet:
            raise InputError(
                f"input.sheet: format {self.format!r} needs the path of a sample sheet"
            )
        return Path(self.sheet)


class ScreenOptions(Section):
    """Options that the sites of a screen are read with.

    Rules pass them as plain values, which `core.options.restore` converts; the section `input` may
    lack keys there that reading sites does not need.
    """

    input: Input
    sheets: list[str] = Field(
        [], description="sample sheets of a simulated screen, instead of `input.sheet`"
    )
    needs_controls: bool = Field(False, description="every plate must have a control well")
    labels_required: bool = Field(
        False,
        description="every treated well must have an MoA, except wells that a platemap lacks and "
        "those of partly annotated formats",
    )

    def sheet_paths(self) -> list[Path]:
        """Return the sample sheets, at least one.

        Raises
        ------
        InputError
            If there is none.
        """
        return [Path(path) for path in self.sheets] or [self.input.sheet_path()]
