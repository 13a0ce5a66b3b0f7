"""Gradient boosting of small trees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from moascope.classification.heads.base import CalibratedOptions, FittedHead, HeadType

if TYPE_CHECKING:
    from moascope.classification.heads.base import Labels, Matrix


class BoostingOptions(CalibratedOptions):
    """Options of boosted trees."""

    type: Literal["gradient-boosting"] = "gradient-boosting"
    n_estimators: int = Field(100, ge=1, le=2000, description="number of boosting rounds")
    learning_rate: float = Field(0.1, gt=0, le=1, description="weight of each round")
    max_depth: int = Field(3, ge=1, le=8, description="largest depth of a tree")


def fit(features: Matrix, labels: Labels, options: BoostingOptions, seed: int) -> FittedHead:
    """Fit boosted trees."""
    from moascope.classification.heads import trees  # noqa: PLC0415  (needs scikit-learn)

    return trees.fit_boosting(
        features,
        labels,
        n_estimators=options.n_estimators,
        learning_rate=options.learning_rate,
        max_depth=options.max_depth,
        balanced=options.balanced,
        seed=seed,
    )


GRADIENT_BOOSTING = HeadType(
    "gradient-boosting", "boosted trees", BoostingOptions, fit, has_gradients=False
)
