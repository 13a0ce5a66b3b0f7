"""The configuration: typed sections with units, ranges and defaults.

This is the only reader of raw configuration. Everything else gets plain values from the
sections defined here. `python -m moascope.config` writes the JSON schema for editors and the
key tables of `config/README.md`; a test fails when either drifts.
"""

from __future__ import annotations

import os
import re
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, ConfigDict, Field, field_validator

from moascope.augmentation_table import PARAMETERS
from moascope.backbone_table import canonical_name
from moascope.class_rules import WITHOUT_PLATES, fit_defaults, problems_of_classes
from moascope.config_problems import check, sections, unknown
from moascope.config_section import (
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
from moascope.config_segmentation import Engine, Segmentation
from moascope.errors import InputError
from moascope.escaping import show
from moascope.formats import FORMATS, has_plates
from moascope.free_groups import RESERVED, problems_of_names
from moascope.image_limits import MAX_GIGABYTES
from moascope.independence import held_out_columns, independent_unit

Column = Cell | list[Cell] | None


class Columns(Section):
    """Which columns of the sample sheet hold what; a list is joined with `_`, null is none."""

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
    """Which columns of a platemap hold what; null: as in `columns`."""

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
    """Which columns of the table of mechanisms hold what; null: as in `columns`."""

    compound: Column = Field(None, description="compound name")
    concentration: Column = Field(None, description="dose in micromolar")
    moa: Column = Field(None, description="mechanism of action")


class Input(Rooted):
    """Where the images are and what they show."""

    paths = ("sheet", "images", "moa_table", "platemap", "platemaps")

    format: Literal["table", "loaddata", "bbbc021", "folder", "classes", "simulate"] = Field(
        description="; ".join(f"{name}: {entry.description}" for name, entry in FORMATS.items())
    )
    sheet: FilePath | None = Field(None, description="path of the sample sheet")
    images: FilePath | None = Field(
        None,
        description="image root: paths in the sheet are relative to it and may not leave it; "
        "null: the folder of the sheet",
    )
    moa_table: FilePath | None = Field(
        None, description="table of compound, (concentration,) moa joined to the sheet"
    )
    platemap: FilePath | None = Field(
        None,
        description="table of (plate,) well, compound, concentration, moa, batch, for what the "
        "sheet or the folder does not say; `platemap_columns` names them",
    )
    platemaps: FilePath | None = Field(
        None,
        description="several platemaps: table of plates and the files of their platemaps, which "
        "lie beside this table or in a folder `platemap` there; instead of `platemap`",
    )
    pattern: str | None = Field(
        None,
        description="folder: regular expression with named groups plate, well (or row and column), "
        "channel and, where there are any, site and batch; classes: with the groups label and, "
        "where there are any, set and those of `groups` (null: a folder per class, or train, "
        "validation and test with a folder per class in each); matched against the file name, or "
        "where it has a / against the path below the image root",
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
        description="axes of the image files, used only where the files do not say, e.g. CYX",
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
        needs = FORMATS[self.format].needs
        missing = [key for key in needs if getattr(self, key) is None]
        problems = [f"format {self.format!r} also needs {', '.join(missing)}"] if missing else []
        if not self.channels:
            problems.append("channels must name at least one channel")
        problems += [
            f"brightfield: {unknown('channel', name, self.channels)}"
            for name in self.brightfield
            if name not in self.channels
        ]
        if self.format == "simulate" and self.groups:
            problems.append("groups: a simulated screen has no columns of its own; remove it")
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
        problems += self._idle_keys()
        if not all(self.path_prefix):
            problems.append("path_prefix: a folder is empty; name the beginning of the paths")
        return problems

    def _idle_keys(self) -> list[str]:
        """Name the keys that were set, but do nothing with this format."""
        given = f"format {self.format!r}"
        reasons: dict[str, str] = {}
        if self.format not in ("table", "classes"):
            reasons["path_column"] = given
        if self.format not in ("folder", "classes"):
            reasons["pattern"] = given
        if self.format in ("folder", "simulate"):
            reasons |= dict.fromkeys(("sheet", "delimiter", "path_prefix"), given)
        if self.format == "classes" and self.sheet is None:
            reasons |= dict.fromkeys(("path_column", "delimiter", "path_prefix"), "sheet null")
        elif self.format == "classes":
            reasons["pattern"] = f"sheet {self.sheet!r}"
        return without_effect(self, reasons)

    def lists_files(self) -> bool:
        """Return whether the images are found by listing a folder."""
        return self.format == "folder" or (self.format == "classes" and self.sheet is None)


class Simulate(Section):
    """The synthetic screen (used when input.format is simulate)."""

    plates: int = Field(4, ge=1, le=2000, description="number of plates")
    batches: int = Field(2, ge=1, le=100, description="imaging batches the plates fall into")
    image_size: int = Field(256, ge=64, le=2048, description="side of a field in pixels")
    sites_per_well: int = Field(1, ge=1, le=16, description="fields of view per well")
    controls_per_plate: int = Field(12, ge=1, le=95, description="DMSO wells per plate")
    mechanisms: int = Field(6, ge=1, le=6, description="mechanisms of action")
    compounds: int = Field(3, ge=1, le=8, description="compounds per mechanism")
    doses: int = Field(3, ge=1, le=6, description="doses per compound")
    bad_wells_per_plate: int = Field(
        3, ge=0, le=24, description="planted bad wells: out of focus, saturated, empty in turn"
    )
    damaged_file: bool = Field(False, description="truncate one TIFF of the first plate")

    @consistency_check
    def _fits(self) -> Simulate:
        if self.batches > self.plates:
            raise ValueError(f"batches ({self.batches}) must not exceed plates ({self.plates})")
        wells = self.mechanisms * self.compounds * self.doses + self.controls_per_plate
        if wells > 96:
            raise ValueError(
                f"{wells} wells do not fit on a plate of 96; lower mechanisms, compounds, doses or "
                "controls_per_plate"
            )
        if self.bad_wells_per_plate > wells:
            raise ValueError(
                f"bad_wells_per_plate ({self.bad_wells_per_plate}) must not exceed the {wells} "
                "wells in use"
            )
        return self


class Quality(Section):
    """When sites and plates are flagged. Sites are compared with their plate by robust z-scores."""

    focus_z: float = Field(4.0, gt=0, description="blurrier than the plate by this many MADs")
    max_saturated: float = Field(
        0.01,
        gt=0,
        le=1,
        description="share of saturated pixels: of a site above the plate's usual share, and of a "
        "plate (its mean, and a tenth of its sites)",
    )
    min_foreground: float = Field(
        0.01, ge=0, lt=1, description="share of pixels above background that a site must have"
    )
    intensity_z: float = Field(6.0, gt=0, description="brighter or dimmer by this many MADs")
    exclude_flagged: bool = Field(True, description="leave flagged sites out of classification")
    min_sharpness: float | None = Field(
        -1.85,
        ge=-9,
        le=3,
        description="a plate is out of focus below this: power of periods of 4 to 10 px over that "
        "of 10 to 40 px, decimal logarithm, median of its sites; null: plates are not judged",
    )
    min_sharpness_brightfield: float | None = Field(
        -1.3, ge=-9, le=3, description="the same for the channels under `input.brightfield`"
    )
    plate_z: float = Field(
        5.0,
        gt=0,
        description="a plate fails that is blurrier, dimmer, brighter or emptier than the other "
        "plates by this many MADs of logarithms (at the default, by a factor of 4.5 at least)",
    )
    exclude_flagged_plates: bool = Field(
        False, description="leave plates that fail as a whole out of classification"
    )


# Methods that use a key; keys that are not named are used by all.
_METHODS_OF_STEP_KEYS = {
    "scope": ("percentile", "zscore", "minmax"),
    "low": ("percentile",),
    "high": ("percentile",),
    "z_range": ("zscore",),
}
_METHODS_OF_SPLIT_KEYS = {
    "group": ("group-k-fold", "leave-one-group-out"),
    "folds": ("group-k-fold", "stratified-k-fold"),
    "file": ("fixed",),
}


def _keys_of_other_methods(
    section: NormalizationStep | Split, methods: Mapping[str, tuple[str, ...]]
) -> list[str]:
    idle = [key for key, names in methods.items() if section.method not in names]
    return without_effect(section, dict.fromkeys(idle, f"method {section.method!r}"))


class NormalizationStep(Section):
    """One step of the intensity chain."""

    method: Literal["percentile", "zscore", "anscombe", "minmax"] = Field(
        description="what is done; anscombe is 2*sqrt(x + 3/8) and takes no scope"
    )
    scope: Literal["image", "plate", "controls"] = Field(
        "image", description="what the statistics are taken from"
    )
    low: float = Field(0.1, ge=0, lt=100, description="percentile: lower one, which becomes 0")
    high: float = Field(99.9, gt=0, le=100, description="percentile: upper one, which becomes 1")
    z_range: tuple[float, float] = Field(
        (-3.0, 9.0), description="zscore: z-scores that become 0 and 1, where it is the last step"
    )

    @consistency_check
    def _consistent(self) -> NormalizationStep:
        problems = _keys_of_other_methods(self, _METHODS_OF_STEP_KEYS)
        if self.low >= self.high:
            problems.append(f"low ({self.low}) must be below high ({self.high})")
        if self.z_range[0] >= self.z_range[1]:
            problems.append("z_range must go from a lower to a higher z-score")
        refuse(problems)
        return self


class Normalization(Section):
    """How intensities are brought to a common scale, channel by channel."""

    steps: list[NormalizationStep] = Field(
        [{"method": "percentile", "scope": "image"}],  # type: ignore[list-item]
        description="applied in order; `[]`: images as they are, integers divided by the largest "
        "value of their type (255 or 65535), floats from 0 to 1",
    )
    treated_wells_in_statistics: bool = Field(
        False,
        description="allow scope `plate`, whose statistics see treated wells of test folds "
        "(never their labels); the report then says so",
    )

    @consistency_check
    def _honest(self) -> Normalization:
        idle = {"z_range": "steps behind it"}
        refuse(
            [
                f"steps[{number}].{sentence}"
                for number, step in enumerate(self.steps[:-1])
                for sentence in without_effect(step, idle)
            ]
        )
        if self.steps and self.steps[-1].method == "anscombe":
            raise ValueError(
                "steps must not end with 'anscombe', which leaves counts: add a zscore, percentile "
                "or minmax step behind it"
            )
        if not self.treated_wells_in_statistics:
            for number, step in enumerate(self.steps):
                if step.scope == "plate" and step.method != "anscombe":
                    raise ValueError(
                        f"steps[{number}].scope 'plate' takes statistics from treated wells, those "
                        "of test folds included; use 'controls' or 'image', or set "
                        "treated_wells_in_statistics: true and let the report say so"
                    )
        return self


class CellUnits(Section):
    """Squares around the cells that `segmentation.measure_with` finds."""

    crop: int = Field(64, ge=8, le=1024, description="side of the squares in pixels")
    border: Literal["drop", "pad"] = Field(
        "drop", description="squares beyond the rim of the site: leave out, or fill up with 0"
    )
    mask_neighbours: bool = Field(False, description="set the pixels of other cells to 0")
    per_site: int | None = Field(
        None, ge=1, description="at most so many cells of a site, drawn at random; null: all"
    )


class Units(Section):
    """What is classified: images at training resolution."""

    size: int | None = Field(
        None, ge=16, le=4096, description="longer side in pixels after resizing; null: native"
    )
    cells: CellUnits | None = Field(
        None, description="classify single cells instead of sites; null: sites or tiles"
    )
    tiles: tuple[int, int] = Field((1, 1), description="rows and columns of tiles cut from a site")
    min_foreground: float = Field(
        0.0, ge=0, lt=1, description="tiles with a smaller share of foreground are not used"
    )

    @consistency_check
    def _consistent(self) -> Units:
        if self.cells is not None:
            refuse(without_effect(self, {"min_foreground": "cells"}))
        if min(self.tiles) < 1 or max(self.tiles) > 64:
            raise ValueError("tiles must be between 1 and 64 in each direction")
        if self.cells is not None and max(self.tiles) > 1:
            raise ValueError("cells and tiles exclude each other; leave one out")
        return self


class Audit(Section):
    """What must not stand on both sides of a split."""

    groups: list[str] = Field(
        ["field", "well"], description="columns whose values may be on one side only"
    )
    images: bool = Field(
        True,
        description="also compare images: copies, overlaps and adjacent crops on both sides; an "
        "audit without images does not pass",
    )
    min_correlation: float = Field(
        0.98, gt=0, le=1, description="correlation of thumbnails from which two are duplicates"
    )
    min_overlap_correlation: float = Field(
        0.92,
        gt=0.5,
        le=1,
        description="correlation of details over their common area from which two images share "
        "content (imaged again, shifted, cropped); slightly less suffices if many details agree",
    )
    orientations: bool = Field(
        True, description="look for turned and mirrored copies and overlaps too"
    )
    on_leak: Literal["error", "warn"] = Field("error", description="stop, or only report")

    @consistency_check
    def _uses_its_keys(self) -> Audit:
        keys = ("min_correlation", "min_overlap_correlation", "orientations")
        if not self.images:
            refuse(without_effect(self, dict.fromkeys(keys, "images false")))
        return self


class Split(Section):
    """One way to divide units into training, validation and test."""

    method: Literal[
        "leave-one-compound-out",
        "leave-one-batch-out",
        "leave-compound-and-batch-out",
        "leave-one-plate-out",
        "leave-one-group-out",
        "group-k-fold",
        "stratified-k-fold",
        "fixed",
    ] = Field(description="how test units are chosen")
    group: list[str] = Field(
        ["compound"],
        min_length=1,
        description="group-k-fold, leave-one-group-out: columns that form a group",
    )
    folds: int = Field(5, ge=2, le=100, description="folds of the k-fold methods")
    repeats: int = Field(1, ge=1, le=50, description="repetitions with other seeds")
    validation: float = Field(
        0.0, ge=0, le=0.5, description="share of training groups held out for validation"
    )
    file: FilePath | None = Field(
        None,
        description="fixed: CSV with `set` (train, validation, test), columns that say which units "
        "(plate, well, compound and so on, a name of `input.groups`, image or unit_id) and, for "
        "several folds, `fold`; null: the sets of the images themselves (classes)",
    )
    include_controls: bool = Field(
        False, description="controls are a class too (their label is their moa)"
    )
    drop_unlearnable_classes: bool = Field(
        False,
        description="leave a class out of the folds in which nothing of it is left to train on, "
        "instead of stopping",
    )
    audit: Audit = Field(default_factory=Audit, description="the leakage audit")

    @consistency_check
    def _complete(self) -> Split:
        problems = _keys_of_other_methods(self, _METHODS_OF_SPLIT_KEYS)
        if self.method == "leave-one-group-out" and "group" not in self.model_fields_set:
            problems.append("method 'leave-one-group-out' also needs group")
        refuse(problems)
        return self

    def may_validate(self) -> bool:
        """Tell whether units may be set aside for validation."""
        return self.validation > 0 or self.method == "fixed"


class Augmentation(BaseModel):
    """One augmentation and its parameters (see the table below)."""

    model_config = ConfigDict(extra="allow")
    name: str = Field(description="which one")

    @consistency_check
    def _known(self) -> Augmentation:
        if self.name not in PARAMETERS:
            raise ValueError(unknown("augmentation", self.name, PARAMETERS))
        known = PARAMETERS[self.name]
        for key, value in (self.model_extra or {}).items():
            if key not in known:
                raise ValueError(unknown(f"parameter of {self.name}", key, known))
            _, low, high, _ = known[key]
            if not isinstance(value, int | float) or not low <= value <= high:
                raise ValueError(
                    f"{self.name}.{key} must be between {low} and {high}, got {value!r}"
                )
        return self


# What each type of head depends on.
_KEYS_OF_HEADS = {
    "lda": ("type", "shrinkage", "balanced", "calibrate"),
    "logistic": ("type", "C", "balanced", "calibrate"),
    "svm": ("type", "C", "gamma", "balanced", "calibrate"),
    "gradient-boosting": (
        *("type", "n_estimators", "learning_rate", "max_depth"),
        *("balanced", "calibrate"),
    ),
    "mlp": ("type", "hidden", "dropout", "l2"),
}
LINEAR_HEADS = ("lda", "logistic")
"""Heads that are fitted fast enough to be fitted to every permutation of a null."""


class Head(Section):
    """What turns features into classes."""

    type: Literal["lda", "logistic", "svm", "gradient-boosting", "mlp"] = Field(
        "lda",
        description="shrinkage LDA, logistic regression, a support vector machine with a radial "
        "kernel (one class against the rest; of more than 10,000 training units that many are "
        "drawn), boosted trees, or a multilayer perceptron",
    )
    shrinkage: Literal["auto"] | Annotated[float, Field(ge=0, le=1)] = Field(
        "auto", description="lda: Ledoit-Wolf, or a fixed share"
    )
    balanced: bool = Field(True, description="all but mlp: give every class the same weight")
    calibrate: Literal["auto"] | bool = Field(
        "auto",
        description="all but mlp: divide the logits by one temperature. auto: fitted by an inner "
        "cross-validation over whole groups of the training units, where two classes or more have "
        "two groups; true: fitted to the validation units (`splits.{name}.validation`, or those "
        "of a fixed list); false: not at all",
    )
    C: float = Field(1.0, gt=0, description="logistic, svm: inverse regularization strength")
    gamma: Literal["scale", "auto"] | Annotated[float, Field(gt=0)] = Field(
        "scale",
        description="svm: of the kernel exp(-gamma d^2) on standardized features; scale, auto: "
        "as in scikit-learn, one over their number",
    )
    n_estimators: int = Field(100, ge=1, le=2000, description="gradient-boosting: rounds")
    learning_rate: float = Field(
        0.1, gt=0, le=1, description="gradient-boosting: weight of each round"
    )
    max_depth: int = Field(
        3, ge=1, le=8, description="gradient-boosting: splits from root to leaf of a tree"
    )
    hidden: list[Annotated[int, Field(ge=1, le=8192)]] = Field(
        [256], description="mlp: width of each hidden layer"
    )
    dropout: float = Field(0.5, ge=0, lt=1, description="mlp and fine-tuning: dropout rate")
    l2: float = Field(0.0, ge=0, description="mlp and fine-tuning: L2 penalty on weights")

    @consistency_check
    def _has_only_its_keys(self) -> Head:
        problems = []
        for key in Head.model_fields:
            if key not in self.model_fields_set or key in _KEYS_OF_HEADS[self.type]:
                continue
            types = [name for name, keys in _KEYS_OF_HEADS.items() if key in keys]
            problems.append(
                f"type {self.type!r} has no {key}. Fix: remove {key}, or set type to "
                f"{' or '.join(types)}"
            )
        if problems:
            raise ValueError("\n".join(problems))
        return self


class Training(Section):
    """How a network is trained (fine-tuning, training from scratch, mlp heads)."""

    epochs: int = Field(10, ge=1, le=10000, description="passes over the training units")
    batch_size: int = Field(32, ge=1, le=4096, description="units per step")
    optimizer: Literal["adam", "sgd"] = Field("adam", description="optimizer")
    learning_rate: float = Field(1e-3, gt=0, le=10, description="initial learning rate")
    momentum: float = Field(0.9, ge=0, lt=1, description="sgd: momentum")
    schedule: Literal["constant", "cosine", "plateau"] = Field(
        "cosine", description="learning-rate schedule"
    )
    patience: int = Field(
        10,
        ge=1,
        description="epochs without better validation loss before training stops; without "
        "validation units (`splits.{name}.validation`) all epochs are trained",
    )
    class_weights: bool = Field(True, description="weight classes by inverse frequency")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="label smoothing")
    mixed_precision: bool = Field(False, description="float16 arithmetic on GPUs")

    @consistency_check
    def _uses_its_keys(self) -> Training:
        if self.optimizer != "sgd":
            refuse(without_effect(self, {"momentum": f"optimizer {self.optimizer!r}"}))
        return self


Features = Annotated[list[Literal["network", "hand-crafted"]], Field(min_length=1, max_length=2)]


class Candidate(Section):
    """What may be chosen in the place of a model's own features and head; null: as the model."""

    features: Features | None = Field(None, description="as of the model")
    taps: list[str] | None = Field(None, description="as of the model")
    pooling: Literal["mean", "mean+sd"] | None = Field(None, description="as of the model")
    head: Head | None = Field(None, description="as of the model; any type but mlp")


_KEYS_OF_NETWORKS = (
    *("backbone", "weights", "channel_mapping", "triple", "input_size"),
    *("taps", "pooling", "views"),
)
"""Keys of a model that only features of the network depend on."""


class Model(Section):
    """One classifier: a split, a backbone, a head."""

    split: str = Field(description="name of the split it is evaluated on")
    backbone: str = Field(
        "efficientnet-lite0",
        description="efficientnet-lite0, lenet, or the name of a keras.applications model",
    )
    weights: FilePath = Field(
        "imagenet", description="imagenet, none, or the path of a weights file"
    )
    channel_mapping: Literal["triple", "inflate", "per-channel"] = Field(
        "triple",
        description="three chosen channels; first-layer inflation to all channels; or one pass "
        "per channel with concatenated features",
    )
    triple: list[str] | None = Field(
        None, description="the channels fed as red, green, blue; null: there are exactly three"
    )
    input_size: int | None = Field(
        None, ge=16, le=2048, description="side fed to the backbone; null: that of the units"
    )
    transfer: Literal["frozen", "partial", "full"] = Field(
        "frozen",
        description="frozen features and a head; unfreeze from a layer on; or train everything",
    )
    taps: list[str] = Field(
        [],
        description="layers whose outputs are features; empty: the last; fine-tuning takes one "
        "at most",
    )
    pooling: Literal["mean", "mean+sd"] = Field("mean", description="of features over positions")
    views: Annotated[Literal[1, 4, 8], Whole] = Field(
        8,
        description="frozen: views whose features are averaged: the unit (1), its mirror images "
        "and half turn (4), and those turned by a quarter (8, for square units)",
    )
    features: Features = Field(
        ["network"],
        description="frozen: what the head sees: features of the network, hand-crafted texture "
        "features, or both joined",
    )
    head: Head = Field(default_factory=Head, description="the head")
    candidates: dict[Name, Candidate] = Field(
        {},
        description="frozen: features and heads to choose from, by name. In every fold, the one "
        "with the highest balanced accuracy in an inner cross-validation over whole groups of the "
        "training units is fitted and tested",
    )
    unfreeze_from: str | None = Field(None, description="partial: first layer that is trained")
    augment: bool = Field(True, description="partial, full: use the list `augmentation`")
    training: Training = Field(default_factory=Training, description="training options")

    @consistency_check
    def _consistent(self) -> Model:
        canonical_name(self.backbone)
        problems = [*self._idle_keys(), *self._idle_keys_of_candidates()]
        if self.transfer == "partial" and self.unfreeze_from is None:
            problems.append("transfer 'partial' also needs unfreeze_from (a layer name)")
        if self.triple is not None and len(self.triple) != 3:
            problems.append(f"triple must name three channels, got {len(self.triple)}")
        if (
            self.transfer != "frozen"
            and self.head.type != "mlp"
            and "head" in self.model_fields_set
        ):
            problems.append(
                f"head type {self.head.type!r} works on frozen features only; use type mlp"
            )
        refuse([*problems, *self._problems_of_features(), *self._problems_of_candidates()])
        return self

    def _idle_keys(self) -> list[str]:
        """Name the keys that were set, but do nothing beside the values of others."""
        transfer = f"transfer {self.transfer!r}"
        reasons: dict[str, str] = {}
        if self.transfer != "partial":
            reasons["unfreeze_from"] = transfer
        if self.channel_mapping != "triple":
            reasons["triple"] = f"channel_mapping {self.channel_mapping!r}"
        if self.transfer != "frozen":
            reasons |= dict.fromkeys(("views", "features", "candidates"), transfer)
            return without_effect(self, reasons)
        reasons["augment"] = transfer
        if self.candidates:
            reasons["training"] = "candidates"
            reasons |= dict.fromkeys(self._replaced_keys(), "candidates that all have their own")
        elif self.head.type != "mlp":
            reasons["training"] = f"{transfer} and head.type {self.head.type!r}"
        if not self.uses_network():
            reasons |= dict.fromkeys(_KEYS_OF_NETWORKS, "features [hand-crafted]")
        return without_effect(self, reasons)

    def _replaced_keys(self) -> list[str]:
        """Return the keys of the model that no candidate takes over."""
        given = [each.model_dump(exclude_none=True) for each in self.candidates.values()]
        seen = [each for each in given if "network" in each.get("features", self.features)]
        users = {"features": given, "head": given, "taps": seen, "pooling": seen}
        return [key for key, each in users.items() if all(key in own for own in each)]

    def _idle_keys_of_candidates(self) -> list[str]:
        reasons = dict.fromkeys(("taps", "pooling"), "features [hand-crafted]")
        return [
            f"candidates.{name}.{sentence}"
            for name, candidate in self.candidates.items()
            if "network" not in (candidate.features or self.features)
            for sentence in without_effect(candidate, reasons)
        ]

    def _problems_of_features(self) -> list[str]:
        lists = [self.features, *(each.features for each in self.candidates.values())]
        return [
            f"features names {names[0]!r} twice; remove one"
            for names in lists
            if names and len(set(names)) < len(names)
        ]

    def _problems_of_candidates(self) -> list[str]:
        if not self.candidates or self.transfer != "frozen":
            return []
        problems = []
        if len(self.candidates) < 2:
            problems.append("candidates: there is only one; add another, or remove it")
        choices = self.choices()
        problems += [
            f"candidates.{name}.head: type 'mlp' cannot be chosen; use lda, logistic, svm "
            "or gradient-boosting"
            for name, choice in choices.items()
            if choice["head"]["type"] == "mlp"
        ]
        names = list(choices)
        problems += [
            f"candidates.{name} is the same as {names[list(choices.values()).index(choice)]}; "
            "remove one"
            for number, (name, choice) in enumerate(choices.items())
            if list(choices.values()).index(choice) < number
        ]
        return problems

    def choices(self) -> dict[str, dict[str, Any]]:
        """Give the features and the head of every candidate, or the model's own.

        Returns
        -------
        dict
            By name of the candidate; of a model without candidates, under the empty name. Each has
            features, taps, pooling and head, as plain values. Options that are not used are null
            or left out, so that editing them changes nothing.
        """
        own = self.model_dump(mode="json", include={"features", "taps", "pooling", "head"})
        candidates = (
            {"": {}}
            if not self.candidates
            else {
                name: candidate.model_dump(mode="json", exclude_none=True)
                for name, candidate in self.candidates.items()
            }
        )
        result = {}
        for name, changes in candidates.items():
            choice = {**own, **changes}
            head = choice["head"]
            choice["features"] = sorted(choice["features"], reverse=True)  # network first
            choice["head"] = {key: head[key] for key in _KEYS_OF_HEADS[head["type"]]}
            if "network" not in choice["features"]:
                choice.update(taps=[], pooling="mean")
            result[name] = choice
        return result

    def network_pass(self) -> dict[str, Any] | None:
        """Give the options of one pass through the backbone, enough for every candidate.

        Returns
        -------
        dict or None
            As for `backbones.from_options`, with views; None where only hand-crafted features are
            used. `taps` lists the layers of all candidates, the last layer as an empty name.
        """
        choices = [c for c in self.choices().values() if "network" in c["features"]]
        if not choices:
            return None
        taps = list(dict.fromkeys(tap for c in choices for tap in c["taps"] or [""]))
        has_sd = any(c["pooling"] == "mean+sd" for c in choices)
        keys = {"backbone", "weights", "channel_mapping", "triple", "input_size", "views"}
        return {
            **self.model_dump(mode="json", include=keys),
            "taps": [] if taps == [""] else taps,
            "pooling": "mean+sd" if has_sd else "mean",
        }

    def uses_network(self) -> bool:
        """Return whether images go through the backbone at all."""
        return self.transfer != "frozen" or self.network_pass() is not None

    def uses_hand_crafted(self) -> bool:
        """Tell whether a candidate sees hand-crafted features."""
        return any("hand-crafted" in choice["features"] for choice in self.choices().values())

    def calibrates(self) -> bool:
        """Tell whether probabilities are calibrated on validation units."""
        heads = [choice["head"] for choice in self.choices().values()]
        return self.transfer == "frozen" and any(head.get("calibrate") is True for head in heads)


Baseline = Literal[
    "majority",
    "layout",
    "layout-lda",
    "channel-mean-sd",
    "hand-made",
    "hand-made-lda",
    "hand-made-svm",
    "hand-made-gradient-boosting",
    "cell-count",
]


class Evaluation(Section):
    """How predictions are scored."""

    aggregate: Literal["mean", "median", "vote"] = Field(
        "median", description="how unit probabilities become those of wells and treatments"
    )
    permutations: int = Field(
        1000,
        ge=200,
        le=100000,
        description="how often mechanisms are permuted among compounds for the p-value and the "
        "null interval of every score; lda and logistic heads are fitted again to 200 "
        "permutations, and the predictions of all others stay as they are",
    )
    confidence: float = Field(0.95, gt=0.5, lt=1, description="level of the intervals")
    calibration_bins: int = Field(10, ge=2, le=100, description="bins of the calibration error")
    independent_unit: str = Field(
        "auto",
        description="what intervals treat as independent: field, well, compound, plate, batch, a "
        "name of `input.groups`, or auto: what the split holds out (the compound, where it holds "
        "out nothing); units finer than that are refused, as are images where `input.groups` has "
        "names",
    )
    baselines: list[Baseline] = Field(
        [name for name in typing.get_args(Baseline) if name != "hand-made-gradient-boosting"],
        min_length=1,
        description="simple classifiers scored beside every model: the most frequent class; "
        "logistic regression, and shrinkage LDA, on plate, batch, row and column; logistic "
        "regression on channel means and SDs; both, a support vector machine, and boosted trees "
        "(slow, so not by default) on hand-made texture features; logistic regression on the "
        "number of cells, where `segmentation` finds them. Their probabilities are not calibrated",
    )


class Report(Section):
    """What the report shows."""

    title: str | None = Field(None, description="heading; null: the name of the run")
    max_examples: int = Field(6, ge=1, le=50, description="example images per class")
    max_plates: int = Field(
        12,
        ge=1,
        le=400,
        description="plate heat maps: of quality, worst plates first; of cell counts, by name",
    )


class Compute(Section):
    """What computes. Cores, memory and queues belong to profiles."""

    gpu: Literal["auto", "required", "never"] = Field(
        "auto", description="use a GPU if there is one, stop without one, or use none"
    )
    keras_backend: Literal["tensorflow", "jax", "torch"] = Field(
        "tensorflow", description="Keras backend; others must be installed by the user"
    )


class Config(Section):
    """The whole configuration of a run."""

    run: Name = Field(description="name of the run: results go to results/{run}")
    seed: int = Field(1, ge=0, le=2**31 - 1, description="seed of everything random")
    input: Input | None = Field(
        None, description="images and metadata of a screen; null: only `segmentation` is run"
    )
    simulate: Simulate = Field(default_factory=Simulate, description="synthetic screen")
    quality: Quality = Field(default_factory=Quality, description="quality control")
    normalization: Normalization = Field(
        default_factory=Normalization, description="intensity normalization"
    )
    units: Units = Field(default_factory=Units, description="units of classification")
    segmentation: Segmentation = Field(
        default_factory=Segmentation, description="finding cells and nuclei"
    )
    splits: dict[Name, Split] = Field({}, description="splits by name")
    augmentation: list[Augmentation] = Field([], description="applied in order, in training only")
    models: dict[Name, Model] = Field({}, description="models by name")
    evaluation: Evaluation = Field(default_factory=Evaluation, description="evaluation")
    report: Report = Field(default_factory=Report, description="report")
    compute: Compute = Field(default_factory=Compute, description="computing")

    @consistency_check
    def _consistent(self) -> Config:
        problems = self._problems_of_segmentation()
        problems += problems_of_classes(self) if self.input else []
        if self.input is None or has_plates(self.input.format):
            problems += [
                f"splits.{name}: method 'fixed' also needs file"
                for name, split in self.splits.items()
                if split.method == "fixed" and split.file is None
            ]
        if self.input is None:
            idle = [key for key in ("models", "splits") if getattr(self, key)]
            idle += ["units.cells"] if self.units.cells else []
            problems += [f"{key}: there is nothing to classify without input" for key in idle]
        problems += self._problems_of_groups()
        for name, model in self.models.items():
            if model.split not in self.splits:
                problems.append(
                    f"models.{name}.split: " + unknown("split", model.split, self.splits)
                )
            elif model.calibrates() and not self.splits[model.split].may_validate():
                problems.append(
                    f"models.{name}.head.calibrate: there are no validation units to fit the "
                    f"temperature to; set splits.{model.split}.validation, for example to 0.2, or "
                    "calibrate to auto"
                )
            elif not problems:
                problems += self._problems_of_independence(model.split)
            channels = list(self.input.channels) if self.input else []
            for channel in model.triple or []:
                if channel not in channels:
                    problems.append(
                        f"models.{name}.triple: " + unknown("channel", channel, channels)
                    )
            lacks_triple = model.channel_mapping == "triple" and model.triple is None
            if lacks_triple and len(channels) != 3 and model.uses_network():
                problems.append(
                    f"models.{name}.channel_mapping: 'triple' needs three channels, the input has "
                    f"{len(channels)}; name three under triple (repeats are allowed) or use "
                    "'inflate' or 'per-channel'"
                )
        refuse([*problems, *self._idle_keys()])
        return self

    def _idle_keys(self) -> list[str]:
        """Name the keys that were set, but do nothing with the input as it is."""
        problems = []
        given = f"format {self.input.format!r}" if self.input else ""
        if "simulate" in self.model_fields_set and given != "format 'simulate'":
            value = f"input.{given}" if given else "input null"
            problems.append(f"simulate: this section has no effect with {value}; remove it")
        if self.input is not None and not has_plates(self.input.format):
            idle = dict.fromkeys(("plate_z", "exclude_flagged_plates"), f"input.{given}")
            problems += [f"quality: {text}" for text in without_effect(self.quality, idle)]
        if self.input is None or not self.input.brightfield:
            idle = {"min_sharpness_brightfield": "input.brightfield []"}
            problems += [f"quality: {text}" for text in without_effect(self.quality, idle)]
        return problems

    def _problems_of_independence(self, name: str) -> list[str]:
        held_out = held_out_columns(self.splits[name].model_dump())
        try:
            independent_unit(held_out, self.evaluation.independent_unit, name, **self.design())
        except InputError as error:
            return [str(error)]
        return []

    def _problems_of_groups(self) -> list[str]:
        """Find groups of splits that are neither our own columns nor named under input.groups."""
        named = self.input.groups if self.input else {}
        return [
            f"splits.{name}.group: "
            + unknown("group column", column, [*named, *sorted(RESERVED)])
            + f"; a column of the sheet is named under input.groups, as in {{{column}: {column}}}"
            for name, split in self.splits.items()
            for column in split.group
            if column not in named and column not in RESERVED
        ]

    def _problems_of_segmentation(self) -> list[str]:
        section = self.segmentation
        if self.input is None and section.annotated is None:
            return ["input: this key is required (or segmentation.annotated)"]
        if section.annotated is not None and not section.engines:
            return ["segmentation.engines: name at least one engine for the annotated images"]
        problems = []
        finds_cells = self.input is not None and section.engines
        if section.labelled_plates and not finds_cells:
            problems.append(
                "segmentation.labelled_plates: there is no screen whose cells an engine finds"
            )
        shown = section.seen_channels(list(self.input.channels) if self.input else [])
        for name, engine in section.engines.items():
            if engine.method == "cellpose" and len(shown) > 3:
                problems.append(
                    f"segmentation.engines.{name}: Cellpose sees at most three channels, not "
                    f"the {len(shown)} given ({', '.join(shown)}); name up to three of them under "
                    "segmentation.channels"
                )
        if self.input is None:
            return problems
        if self.units.cells is not None and not section.engines:
            problems.append(
                "units.cells: there is no engine that finds cells; name one in segmentation.engines"
            )
        channels = list(self.input.channels)
        for channel in section.seen_channels(channels):
            if channel not in channels and section.engines:
                problems.append("segmentation.channels: " + unknown("channel", channel, channels))
        for name, engine in section.engines.items():
            problems += [
                f"segmentation.engines.{name}.channel_map: "
                + unknown("channel", channel, section.seen_channels(channels))
                for channel in engine.channel_map.values()
                if channel not in section.seen_channels(channels)
            ]
        if section.annotated is None and self.input.columns.mask is None:
            problems += _problems_without_masks(section.engines)
        return problems

    def design(self) -> dict[str, Any]:
        """Return what units belong to, as of `moascope.levels.Design`."""
        if self.input is None:
            return {"has_plates": True, "groups": []}
        return {
            "has_plates": has_plates(self.input.format),
            "groups": list(self.input.groups),
        }

    def baselines(self) -> list[str]:
        """Name the baselines that make sense; there is no layout without plates."""
        names: list[str] = list(self.evaluation.baselines)
        return names if self.design()["has_plates"] else [n for n in names if n in WITHOUT_PLATES]

    def exchanged(self, split: str) -> list[str]:
        """Return the columns that name what classes are dealt out among for the null."""
        design = self.design()
        if design["has_plates"]:
            return ["compound"]
        held_out = held_out_columns(self.splits[split].model_dump())
        chosen = self.evaluation.independent_unit
        return list(independent_unit(held_out, chosen, split, **design).columns)

    def unit(self) -> str:
        """Say what is classified: site, tile or cell."""
        if self.units.cells is not None:
            return "cell"
        if max(self.units.tiles) > 1:
            return "tile"
        if self.input and not has_plates(self.input.format) and self.input.unit == "site":
            return "image"
        return self.input.unit if self.input else "site"

    def needs_controls(self) -> bool:
        """Tell whether normalization takes statistics from control wells."""
        return any(
            step.scope == "controls" and step.method != "anscombe"
            for step in self.normalization.steps
        )

    def section(self, name: str, *keys: str) -> dict[str, Any]:
        """Give a section, or some keys of it, as plain JSON-like values.

        Parameters
        ----------
        name : str
            Name of the section, dotted for nested ones (`models.lite0`).
        *keys : str
            The keys wanted; none means all.

        Returns
        -------
        dict
            Plain values, equal for equal configurations, so that they can be rule parameters.
        """
        value: Any = self
        for part in name.split("."):
            value = value[part] if isinstance(value, dict) else getattr(value, part)
        plain = value.model_dump(mode="json")
        return {key: plain[key] for key in keys} if keys else plain


def _problems_without_masks(engines: Mapping[str, Engine]) -> list[str]:
    """Find the engines that need annotated images, where there are none."""
    problems = []
    trained = [name for name, engine in engines.items() if engine.is_trained()]
    if trained:
        problems.append(
            f"segmentation.engines.{trained[0]}: there are no known objects to learn from; name "
            "their column in input.columns.mask, give segmentation.annotated, or a model"
        )
    tuned = [name for name, engine in engines.items() if engine.tune]
    if tuned:
        problems.append(
            f"segmentation.engines.{tuned[0]}.tune: there are no annotated images to tune on; name "
            "the column of masks in input.columns.mask, give segmentation.annotated, or leave tune "
            "out"
        )
    exported = [name for name, engine in engines.items() if engine.export]
    if exported:
        problems.append(
            f"segmentation.engines.{exported[0]}.export: there is no annotated image to test the "
            "package with; name the column of masks in input.columns.mask, or give "
            "segmentation.annotated"
        )
    return problems


def load(raw: Mapping[str, Any], source: str = "config", *, with_files: bool = False) -> Config:
    """Validate a raw configuration.

    Parameters
    ----------
    raw : mapping
        As read from YAML. Strings from `--config` are converted where the key is a number.
    source : str
        What the error message calls it, usually the path of the file.
    with_files : bool
        Look for the files that it names, as `missing_files` does.

    Returns
    -------
    Config
        The configuration with every default filled in.

    Raises
    ------
    InputError
        Naming every wrong key, its value, and the nearest valid key or the allowed range; what has
        the same cause stands in one line.
    """
    if unreadable := [f"{place}: {_NOT_TEXT}" for place in _unreadable(raw)]:
        raise InputError.collect(unreadable, source)
    problems, config = check(_nulls(raw), Config)
    if with_files and isinstance(config, Config):
        problems += missing_files(config)
    if problems or not isinstance(config, Config):
        raise InputError.collect(problems, source)
    fit_defaults(config)
    return config


def missing_files(config: Config) -> list[str]:
    """Find the files that a configuration names and that are not there.

    Parameters
    ----------
    config : Config
        Paths in it are relative to the working directory.

    Returns
    -------
    list of str
        A sentence per file that is not there or has a name that cannot be shown, naming the key.
        Of images only the folder is looked for; what the sheets name is not looked at.
    """
    named: dict[str, str | None] = {}
    folders: dict[str, str | None] = {}
    if config.input is not None and config.input.format != "simulate":
        tables = ("sheet", "moa_table", "platemap", "platemaps")
        named |= {f"input.{key}": getattr(config.input, key) for key in tables}
        folders["input.images"] = config.input.images
    for name, split in config.splits.items():
        named[f"splits.{name}.file"] = split.file
    for name, model in config.models.items():
        if model.weights not in ("imagenet", "none"):
            named[f"models.{name}.weights"] = model.weights
    section = config.segmentation
    if section.annotated is not None:
        named |= {
            f"segmentation.annotated.{key}": getattr(section.annotated, key)
            for key in ("sheet", "set_file")
        }
        folders["segmentation.annotated.images"] = section.annotated.images
    for name, engine in section.engines.items():
        if engine.is_given_by_path():
            named[f"segmentation.engines.{name}.model"] = engine.model
    given = {key: path for key, path in named.items() if path is not None}
    gone = {
        key: path
        for key, path in given.items()
        if not _is_there(path, or_folder=key.endswith(".model"))
    }
    problems = [
        f"{key}: {show(path)} has a {mark!r}, {why}; rename the file or its folder"
        for key, path in given.items()
        for mark, why in _UNUSABLE.items()
        if mark in path and not (key in gone and _VARIABLE.search(path))
    ]
    problems += [
        f"{key}: there is no file {show(path)}; {_path_advice(path)}"
        + (", or write imagenet or none" if key.startswith("models.") else "")
        for key, path in gone.items()
    ]
    problems += [
        f"{key}: there is no folder {show(path)}; {_path_advice(path)}"
        for key, path in folders.items()
        if path is not None and not os.path.isdir(path)  # noqa: PTH112  (pathlib raises)
    ]
    return problems


# Snakemake copies input files' names into a script of its report as they are, and looks for
# wildcards in all of them, with no way to escape a brace.
_UNUSABLE = {
    "<": "which Snakemake's report cannot hold",
    "{": "which Snakemake takes for the name of a wildcard",
}


_VARIABLE = re.compile(r"\$\w|\$\{|%\w+%")


def _path_advice(path: str) -> str:
    if _VARIABLE.search(path):
        return "variables such as $HOME are not filled in; write ~ for the home folder, or the path"
    if path.startswith("~"):
        return "this user is not known; write the whole path"
    return "correct the path"


def _is_there(path: str, *, or_folder: bool) -> bool:
    try:
        return Path(path).is_file() or (or_folder and Path(path).is_dir())
    except OSError:  # a name that is too long, a folder that may not be entered
        return False


_NOT_TEXT = (
    "is binary, or has a null character or half of a surrogate pair, which no text has; write text"
)


def _unreadable(value: Any, place: str = "") -> Iterator[str]:
    """Find strings that cannot be written to a file or given to the system, by their keys."""
    if isinstance(value, bytes):  # pydantic would take it for text
        yield place or "config"
    elif isinstance(value, str):
        if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value):
            yield place or "config"
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _unreadable(str(key), show(key))
            yield from _unreadable(item, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _unreadable(item, f"{place}.{number}")


def _nulls(value: Any) -> Any:
    # `--config 'input={sheet: null}'` arrives as the string "null".
    if isinstance(value, Mapping):
        return {str(key): _nulls(item) for key, item in value.items()}
    return None if value == "null" else value


def json_schema() -> dict[str, Any]:
    """Give the JSON schema of the configuration, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema()}


def key_tables() -> str:
    """Give the Markdown tables of all keys, as they stand in `config/README.md`."""
    lines: list[str] = []
    done: set[type[BaseModel]] = set()

    def add(title: str, model: type[BaseModel]) -> None:
        if model in done:
            return
        done.add(model)
        summary = (model.__doc__ or "").strip().splitlines()[0]
        lines.extend([f"### `{title}`" if title else "### top level", "", summary, ""])
        lines.extend(["| key | type | default | meaning |", "|---|---|---|---|"])
        nested: list[tuple[str, type[BaseModel]]] = []
        for key, field in model.model_fields.items():
            schema = model.model_json_schema()["properties"][key]
            lines.append(
                f"| `{key}` | {_type_words(field.annotation)}{_range_words(schema)} | "
                f"{_default_words(field)} | {field.description} |"
            )
            many = typing.get_origin(field.annotation)
            suffix = {dict: ".{name}", list: "[]"}.get(many, "")  # type: ignore[arg-type]
            path = f"{title}.{key}{suffix}".lstrip(".")
            nested.extend((path, section) for section in sections(field.annotation))
        lines.append("")
        for path, section in nested:
            add(path, section)

    add("", Config)
    lines.extend(["### Augmentations", "", "| name | parameter | default | range | meaning |"])
    lines.append("|---|---|---|---|---|")
    for name, parameters in PARAMETERS.items():
        for parameter, (default, low, high, words) in parameters.items():
            lines.append(f"| `{name}` | `{parameter}` | {default} | {low} to {high} | {words} |")
        if not parameters:
            lines.append(f"| `{name}` | | | | |")
    return "\n".join(lines) + "\n"


def _type_words(annotation: Any) -> str:
    origin = typing.get_origin(annotation)
    if origin is Literal:
        return ", ".join(f"`{value}`".replace("\t", "\\t") for value in typing.get_args(annotation))
    if origin in (Union, types.UnionType):
        return " or ".join(_type_words(part) for part in typing.get_args(annotation))
    if origin is Annotated:
        return _type_words(typing.get_args(annotation)[0])
    if origin in (list, tuple, dict):
        inner = typing.get_args(annotation)[-1]
        return f"{'map' if origin is dict else 'list'} of {_type_words(inner)}"
    if annotation is type(None):
        return "null"
    words = {str: "text", int: "integer", float: "number", bool: "true or false"}
    return words.get(annotation, "section")


def _range_words(schema: Mapping[str, Any]) -> str:
    options = [schema, *schema.get("anyOf", [])]
    for option in options:
        low = option.get("minimum", option.get("exclusiveMinimum"))
        high = option.get("maximum", option.get("exclusiveMaximum"))
        left = ">" if "exclusiveMinimum" in option else "≥"
        right = "<" if "exclusiveMaximum" in option else "≤"
        words = [f"{left} {low:g}"] if low is not None else []
        words += [f"{right} {high:g}"] if high is not None else []
        if words:
            return " (" + ", ".join(words) + ")"
    return ""


def _default_words(field: Any) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None:
        return "see below"
    default = field.default
    if default is None:
        return "null"
    if isinstance(default, bool):
        return str(default).lower()
    return f"`{default}`"


BEGIN, END = "<!-- keys: begin -->", "<!-- keys: end -->"


def write_documents(root: Path) -> None:
    """Write the schema and the key tables of `config/README.md`.

    Parameters
    ----------
    root : pathlib.Path
        Root of the project.
    """
    import json  # noqa: PLC0415  (only this command needs it)

    schema = root / "workflow/schemas/config.schema.json"
    schema.parent.mkdir(parents=True, exist_ok=True)
    schema.write_text(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")
    readme = root / "config/README.md"
    text = readme.read_text(encoding="utf-8")
    pattern = re.compile(re.escape(BEGIN) + ".*" + re.escape(END), re.DOTALL)
    readme.write_text(
        pattern.sub(lambda _: f"{BEGIN}\n{key_tables()}{END}", text), encoding="utf-8"
    )


if __name__ == "__main__":
    write_documents(Path(sys.argv[1]) if len(sys.argv) > 1 else Path.cwd())
