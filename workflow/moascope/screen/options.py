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
    """Columns of the sample sheet by role; a list is joined with `_`, null is none."""

    plate: Column = Field("plate", description="plate name")
    well: Column = Field("well", description="well name such as B02 or b2")
    row: Column = Field(None, description="well row (letter or number), instead of `well`")
    column: Column = Field(None, description="well column (number), instead of `well`")
    label: Column = Field("label", description="classes: class of the image")
    set: Column = Field(
        "set",
        description="classes: train, validation or test, for a split with method fixed and no "
        "file; used where the sheet has it",
    )
    site: Column = Field(
        "site", description="field of view within the well; null: one image per well"
    )
    batch: Column = Field(None, description="what was imaged together, for example the week")
    compound: Column = Field("compound", description="compound name")
    concentration: Column = Field("concentration", description="dose in micromolar")
    moa: Column = Field("moa", description="mechanism of action")
    replicate: Column = Field(None, description="replicate name")
    field: Column = Field(
        None,
        description="physical field of view that an image belongs to, where several images are "
        "crops of one field; null: every image is a field of its own",
    )
    mask: Column = Field(
        None,
        description="path of a label image of the site (0 background, a number per object), or of "
        "a folder with a binary mask per object, below `images`; sites without one leave it empty. "
        "See `segmentation`",
    )


class PlatemapColumns(Section):
    """Columns of a platemap by role; null: as in `columns`."""

    plate: Column = Field(None, description="plate name; not used with `platemaps`")
    well: Column = Field(None, description="well name")
    row: Column = Field(None, description="well row (letter or number), instead of `well`")
    column: Column = Field(None, description="well column (number), instead of `well`")
    batch: Column = Field(None, description="what was imaged together")
    compound: Column = Field(None, description="compound name")
    concentration: Column = Field(None, description="dose in micromolar")
    moa: Column = Field(None, description="mechanism of action")
    barcode: Cell = Field("Assay_Plate_Barcode", description="`platemaps`: the plate")
    file: Cell = Field(
        "Plate_Map_Name", description="`platemaps`: the file of its platemap, as is or by its stem"
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
        description="image folder: paths in the sheet are relative to it, and files are inside it; "
        "null: the folder of the sheet",
    )
    moa_table: FilePath | None = Field(
        None, description="table of compound, (concentration,) moa joined to the sheet"
    )
    platemap: FilePath | None = Field(
        None,
        description="table of (plate,) well, compound, concentration, moa, batch, for roles that "
        "the sheet or the folder lacks; `platemap_columns` names them",
    )
    platemaps: FilePath | None = Field(
        None,
        description="several platemaps: table of plates and the files of their platemaps, which "
        "lie next to this table or in a folder `platemap` there; instead of `platemap`",
    )
    pattern: str | None = Field(
        None,
        description="folder: regular expression with named groups plate, well (or row and column), "
        "channel and, where there are any, site and batch; classes: with the groups label and, "
        "where there are any, set and those of `groups` (null: a folder per class, or train, "
        "validation and test with a folder per class in each); matched against the file name, or "
        "where it has a / against the path below the image folder",
    )
    channels: dict[Name, Cell | int] = Field(
        description="channels in order; each with where it is found: a column (table), a plane "
        "number from 0 (table with path_column; classes; folder with a pattern without the group "
        "`channel`; the colours of an RGB image are planes), the LoadData or BBBC021 channel, or "
        "the value of the group `channel` (folder)"
    )
    brightfield: list[Name] = Field(
        [],
        description="channels whose objects are dark or textured, not bright (brightfield, phase "
        "contrast, DIC); foreground is then where the image is textured",
    )
    path_column: Cell | None = Field(
        None,
        description="table: the one column with the path of a multi-channel image; classes: the "
        "column of paths (null: path, file, filename or image)",
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
        description="folders at the beginning of paths in the sheet, and what they are called on "
        "this machine, as in {/mnt/imaging: /data}; relative ones are below `images`. The longest "
        "that fits counts",
    )
    groups: dict[Name, str] = Field(
        {},
        description="free columns of the sheet (folder: groups of `pattern`) that splits, audits "
        "and intervals may use, by the name they get, as in {patient: patient_id}; a list where "
        "the names are the same. Blanks are refused",
    )
    delimiter: Literal["auto", ",", "\t", ";"] = Field("auto", description="of the sheet")
    plate_format: Annotated[Literal[96, 384, 1536], Whole] = Field(
        96, description="wells per plate"
    )
    label_name: str | None = Field(
        None,
        min_length=1,
        max_length=60,
        description="what a class is called in the report, in the singular, such as phenotype; "
        "null: mechanism of action, or class (classes)",
    )
    batch_from_plate: str | None = Field(
        None, description="regular expression with one group that finds the batch in plate names"
    )
    controls: list[Cell] = Field(["DMSO"], description="compounds that are negative controls")
    zero_dose: Literal["vehicle", "treated"] = Field(
        "vehicle",
        description="wells with a compound at dose 0: vehicle counts them as controls without a "
        "mechanism, treated keeps the mechanism of the compound",
    )
    unit: Literal["site", "cell"] = Field("site", description="what one image of the sheet shows")
    axes: str | None = Field(
        None,
        pattern=r"^[CYXSZT]+$",
        description="axes of the image files, used only where the files do not name them, e.g. CYX",
    )
    on_size_mismatch: Literal["error", "crop", "resize", "pad"] = Field(
        "error",
        description="images of differing size: refuse; crop the centre to the smallest height and "
        "width of the screen; resize to the median height and width, with the aspect kept and the "
        "rest filled; or pad to the largest. Filled is the median of the rim of each channel",
    )
    on_bad_image: Literal["error", "quarantine"] = Field(
        "error",
        description="missing or damaged images: stop, or leave their sites out and report them",
    )
    max_image_gigabytes: float = Field(
        MAX_GIGABYTES,
        gt=0,
        description="largest size in gigabytes of the decompressed pixels of a file; what declares "
        "more is refused before memory is taken",
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
        description="every treated well must have an MoA; wells that a platemap lacks and those of "
        "partly annotated formats are exempt",
    )

    def sheet_paths(self) -> list[Path]:
        """Return the sample sheets, at least one.

        Raises
        ------
        InputError
            If there is none.
        """
        return [Path(path) for path in self.sheets] or [self.input.sheet_path()]
