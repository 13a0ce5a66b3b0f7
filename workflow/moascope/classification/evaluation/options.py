"""Options of the section `evaluation`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from moascope.classification.baseline_registry import DEFAULT_NAMES, NAMES
from moascope.core.options import OneOf, Section


class Evaluation(Section):
    """Aggregation, intervals, null and baselines of an evaluation."""

    aggregate: Literal["mean", "median", "vote"] = Field(
        "median", description="aggregation of unit probabilities to those of wells and treatments"
    )
    permutations: int = Field(
        1000,
        ge=200,
        le=100000,
        description="permutations of mechanisms among compounds for the p-value and the "
        "null interval of every score; lda and logistic heads are fitted again to 200 "
        "permutations, and the predictions of all others stay as they are",
    )
    confidence: float = Field(0.95, gt=0.5, lt=1, description="level of the intervals")
    calibration_bins: int = Field(10, ge=2, le=100, description="bins of the calibration error")
    independent_unit: str = Field(
        "auto",
        description="unit that intervals treat as independent: field, well, compound, plate, "
        "batch, a name of `input.groups`, or auto: the unit that the split holds out (the "
        "compound, where it holds out nothing); units finer than that are refused, as are images "
        "where `input.groups` has names",
    )
    baselines: list[Annotated[str, OneOf(NAMES)]] = Field(
        list(DEFAULT_NAMES),
        min_length=1,
        description="simple classifiers that every model is compared with: the most frequent "
        "class; logistic regression, and shrinkage LDA, on plate, batch, row and column; logistic "
        "regression on channel means and SDs; both, a support vector machine, and boosted trees "
        "(slow, so not by default) on hand-crafted texture features; logistic regression on the "
        "number of cells, where `segmentation` finds them. Their probabilities are not calibrated",
    )
