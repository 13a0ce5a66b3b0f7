"""Options of the section `splits`."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field

from moascope.core.options import (
    FilePath,
    Section,
    consistency_check,
    keys_of_other_methods,
    refuse,
    without_effect,
)

Method = Literal[
    "leave-one-compound-out",
    "leave-one-batch-out",
    "leave-compound-and-batch-out",
    "leave-one-plate-out",
    "leave-one-group-out",
    "group-k-fold",
    "stratified-k-fold",
    "fixed",
]
METHODS: tuple[str, ...] = get_args(Method)

_METHODS_OF_SPLIT_KEYS = {
    "group": ("group-k-fold", "leave-one-group-out"),
    "folds": ("group-k-fold", "stratified-k-fold"),
    "file": ("fixed",),
}


class Audit(Section):
    """Leakage audit of a split."""

    groups: list[str] = Field(
        ["field", "well"],
        description="columns whose values must not be in both training and test units",
    )
    images: bool = Field(
        True,
        description="also search for copies, overlaps and adjacent crops of training images among "
        "test images. An audit without images does not pass",
    )
    min_correlation: float = Field(
        0.98,
        gt=0,
        le=1,
        description="smallest correlation of thumbnails at which two images are duplicates",
    )
    min_overlap_correlation: float = Field(
        0.92,
        gt=0.5,
        le=1,
        description="smallest correlation of details in a common area at which two images overlap "
        "(imaged again, shifted, cropped). Slightly less suffices if many details agree",
    )
    orientations: bool = Field(
        True, description="also search for rotated and mirrored copies and overlaps"
    )
    on_leak: Literal["error", "warn"] = Field(
        "error", description="if leakage is found. error: stop; warn: only report it"
    )

    @consistency_check
    def _uses_its_keys(self) -> Audit:
        keys = ("min_correlation", "min_overlap_correlation", "orientations")
        if not self.images:
            refuse(without_effect(self, dict.fromkeys(keys, "images false")))
        return self


class Split(Section):
    """One way to divide units into training, validation and test."""

    method: Method = Field(description="method that selects the test units")
    group: list[str] = Field(
        ["compound"],
        min_length=1,
        description="group-k-fold, leave-one-group-out: columns that form a group",
    )
    folds: int = Field(5, ge=2, le=100, description="number of folds of the k-fold methods")
    repeats: int = Field(1, ge=1, le=50, description="number of repetitions with other seeds")
    validation: float = Field(
        0.0, ge=0, le=0.5, description="share of the training groups that are used for validation"
    )
    file: FilePath | None = Field(
        None,
        description="fixed: CSV with `set` (train, validation, test), columns that identify "
        "units, and `fold` if there are several folds. Units are identified by plate, well, "
        "compound and so on, a name of `input.groups`, image or unit_id. null: the sets of the "
        "images (format classes)",
    )
    include_controls: bool = Field(
        False, description="make controls a class (their label is their moa)"
    )
    drop_unlearnable_classes: bool = Field(
        False,
        description="leave a class out of folds in which it has no training units, instead of "
        "stopping",
    )
    audit: Audit = Field(default_factory=Audit, description="leakage audit")

    @consistency_check
    def _complete(self) -> Split:
        problems = keys_of_other_methods(self, _METHODS_OF_SPLIT_KEYS)
        if self.method == "leave-one-group-out" and "group" not in self.model_fields_set:
            problems.append("method 'leave-one-group-out' also needs group")
        refuse(problems)
        return self

    def may_validate(self) -> bool:
        """Check whether units may be set aside for validation."""
        return self.validation > 0 or self.method == "fixed"
