"""Options of the section `evaluation`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from moascope.classification.baseline_registry import DEFAULT_NAMES, NAMES
from moascope.core.options import OneOf, Section


class Evaluation(Section):
    """Aggregation, intervals, null and baselines of an evaluation."""

    aggregate: Literal["mean", "median", "vote"] = Field(
        "median", description="aggregation of the probabilities of units to wells and treatments"
    )
    permutations: int = Field(
        1000,
        ge=200,
        le=100000,
        description="number of permutations of mechanisms among compounds, for the p-value and "
        "null interval of every score. 200 of them refit heads of type lda and logistic; "
        "predictions of all other models are kept",
    )
    confidence: float = Field(0.95, gt=0.5, lt=1, description="confidence level of the intervals")
    calibration_bins: int = Field(
        10, ge=2, le=100, description="number of bins of the calibration error"
    )
    independent_unit: str = Field(
        "auto",
        description="independent unit of the intervals: field, well, compound, plate, batch or a "
        "name of `input.groups`. auto: the unit that the split holds out, or the compound if it "
        "holds out none. Finer units are refused, and so are images if `input.groups` has names",
    )
    baselines: list[Annotated[str, OneOf(NAMES)]] = Field(
        list(DEFAULT_NAMES),
        min_length=1,
        description="simple classifiers that every model is compared with. majority: most "
        "frequent class. layout, layout-lda: logistic regression and shrinkage LDA on plate, "
        "batch, row and column. channel-mean-sd: logistic regression on channel means and SDs. "
        "hand-crafted, -lda, -svm, -gradient-boosting: logistic regression, shrinkage LDA, "
        "support vector machine and boosted trees (slow) on hand-crafted features. cell-count: "
        "logistic regression on the number of cells, if `segmentation` has engines. Probabilities "
        "are not calibrated",
    )
