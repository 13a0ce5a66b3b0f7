"""Shrinkage LDA."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from moascope.classification.heads.base import CalibratedOptions, FittedHead, HeadType

if TYPE_CHECKING:
    from moascope.classification.heads.base import Labels, Matrix


class LdaOptions(CalibratedOptions):
    """Options of a shrinkage LDA; balanced: all classes have the same prior."""

    type: Literal["lda"] = "lda"
    shrinkage: Literal["auto"] | Annotated[float, Field(ge=0, le=1)] = Field(
        "auto", description="shrinkage of the covariance; auto: by Ledoit and Wolf"
    )


def fit(features: Matrix, labels: Labels, options: LdaOptions, seed: int) -> FittedHead:
    """Fit a shrinkage LDA; nothing in it is random."""
    from moascope.classification.heads import linear  # noqa: PLC0415  (needs scikit-learn)

    return linear.fit_lda(features, labels, shrinkage=options.shrinkage, balanced=options.balanced)


LDA = HeadType("lda", "shrinkage LDA", LdaOptions, fit, is_linear=True)
