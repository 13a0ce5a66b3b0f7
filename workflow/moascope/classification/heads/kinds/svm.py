"""Support vector machine with a radial kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from moascope.classification.heads.base import CalibratedOptions, FittedHead, HeadType

if TYPE_CHECKING:
    from moascope.classification.heads.base import Labels, Matrix


class SvmOptions(CalibratedOptions):
    """Options of a support vector machine."""

    type: Literal["svm"] = "svm"
    C: float = Field(1.0, gt=0, description="inverse regularization strength")
    gamma: Literal["scale", "auto"] | Annotated[float, Field(gt=0)] = Field(
        "scale",
        description="gamma of the kernel exp(-gamma d^2) on standardized features; scale, auto: 1 "
        "/ number of features, as in scikit-learn",
    )


def fit(features: Matrix, labels: Labels, options: SvmOptions, seed: int) -> FittedHead:
    """Fit a support vector machine."""
    from moascope.classification.heads import kernel  # noqa: PLC0415  (needs scikit-learn)

    return kernel.fit_svm(
        features,
        labels,
        C=options.C,
        gamma=options.gamma,
        balanced=options.balanced,
        seed=seed,
    )


SVM = HeadType(
    "svm",
    "a support vector machine (radial kernel, one against the rest, at most 10,000 training units)",
    SvmOptions,
    fit,
)
