"""Logistic regression."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from moascope.classification.heads.base import CalibratedOptions, FittedHead, HeadType

if TYPE_CHECKING:
    from moascope.classification.heads.base import Labels, Matrix


class LogisticOptions(CalibratedOptions):
    """Options of a logistic regression with an L2 penalty."""

    type: Literal["logistic"] = "logistic"
    C: float = Field(1.0, gt=0, description="inverse regularization strength")


def fit(features: Matrix, labels: Labels, options: LogisticOptions, seed: int) -> FittedHead:
    """Fit a logistic regression."""
    from moascope.classification.heads import linear  # noqa: PLC0415  (needs scikit-learn)

    return linear.fit_logistic(features, labels, C=options.C, balanced=options.balanced, seed=seed)


LOGISTIC = HeadType("logistic", "logistic regression", LogisticOptions, fit, is_linear=True)
