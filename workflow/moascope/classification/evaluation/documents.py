"""Types of the scores of a model in summary.json, which `scoring.evaluate` writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NotRequired, TypedDict

if TYPE_CHECKING:
    from moascope.classification.heads.calibration import CalibrationSummary
    from moascope.classification.layout import PlaceAssociation
    from moascope.classification.selection import CandidateSummary

ScoreName = Literal["accuracy", "macro_f1", "balanced_accuracy", "roc_auc"]

SCORES: tuple[ScoreName, ...] = ("accuracy", "macro_f1", "balanced_accuracy", "roc_auc")
"""The scores that have intervals and a null, by their name in summary.json."""


class Null(TypedDict):
    """Permutation null of a score."""

    mean: float
    interval: list[float]
    """Its quantiles, [lower, upper]."""
    deals: int
    """Number of permutations."""
    how: str
    """Kind of the null, such as `permutation.REFIT`."""
    least_p: float
    """The smallest p-value that is possible."""


class Chance(TypedDict, total=False):
    """Comparison of a score with its permutation null."""

    p: float | None
    """One-sided."""
    p_reason: str
    """Why there is no p-value."""
    null: Null


class Score(Chance):
    """Score with its interval; shares are in [0, 1]."""

    value: float | None
    """None with a reason where the score is not defined."""
    ci: list[float] | None
    """[lower, upper], None with a reason."""
    level: float
    """Level of the interval, in (0, 1)."""
    reason: NotRequired[str]


class Difference(TypedDict):
    """Score of a model less that of another classifier, paired by group."""

    value: float
    ci: list[float] | None
    """[lower, upper], None with a reason."""
    level: float
    p: NotRequired[float]
    """Two-sided."""
    reason: NotRequired[str]


class LevelScores(TypedDict):
    """Scores at one level: units, wells, treatments, or groups of units."""

    n: int
    """Units, wells, treatments or groups, each counted once."""
    accuracy: Score
    macro_f1: Score
    balanced_accuracy: Score
    roc_auc: Score
    calibration_error: float | None
    comparisons: NotRequired[dict[str, dict[str, Difference]]]
    """By baseline and score."""
    model_comparisons: NotRequired[dict[str, dict[str, Difference]]]
    """By other model and score."""


class CoarserScores(TypedDict, total=False):
    """Scores at the levels above units."""

    by_treatment: LevelScores
    by_well: LevelScores
    by_group: dict[str, LevelScores]
    """By free group, of images without plates."""


class Scores(LevelScores, CoarserScores):
    """Scores of a classifier at all levels; those of units stand at the top."""


class BaselineScores(Scores):
    """Scores of a baseline."""

    comparator: bool
    """Whether the model is compared with it."""
    reason: NotRequired[str]
    """Why it is not."""


class ClassScores(TypedDict):
    """Scores of one class."""

    precision: float | None
    recall: Score
    f1: float | None
    n: int
    """Test units."""


class ReliabilityBin(TypedDict):
    """Predictions whose confidence is in a range."""

    lower: float
    upper: float
    n: int
    confidence: float | None
    """Mean, None without predictions."""
    accuracy: float | None


class FoldScores(TypedDict):
    """Size and accuracy of a fold."""

    repeat: int
    fold: int
    fold_name: str
    n: int
    accuracy: float


class Mistake(TypedDict):
    """Unit that was misclassified. Units without plates also have their free groups by name."""

    unit_id: str
    moa: str
    predicted: str
    fold_name: str
    plate: NotRequired[str]
    well: NotRequired[str]
    treatment: NotRequired[str]
    confidence: float


class Pictures(TypedDict):
    """Details with one prediction per unit, averaged over repetitions."""

    classes: list[str]
    confusion: dict[str, list[list[int]]]
    """By level; rows are the truth."""
    reliability: list[ReliabilityBin]
    mistakes: list[Mistake]
    """Most confident first."""


class Details(Pictures):
    """Details that only the report shows."""

    folds: list[FoldScores]
    repeats: int
    independent_unit: str
    n_independent: int
    shared_groups: list[str]
    """Free groups that hold several independent units."""
    aggregate: str


class ModelSummary(Scores):
    """Scores of a model, as in summary.json."""

    unit: str
    """Kind of its units: site, image, tile or cell."""
    split: str
    per_class: dict[str, ClassScores]
    baselines: dict[str, BaselineScores]
    compounds: dict[str, int]
    """Tested compounds by class; empty without plates."""
    confounding: dict[str, PlaceAssociation]
    """By kind of place."""
    calibration: CalibrationSummary | None
    """None for networks, which are not calibrated."""
    selection: NotRequired[dict[str, CandidateSummary]]
    """By candidate, where several were compared."""


class ModelScores(ModelSummary):
    """Everything about a model."""

    details: Details
