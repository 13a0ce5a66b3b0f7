"""List of the baselines: simple classifiers that are scored next to every model.

Free of NumPy, as their names are read with the configuration. A new baseline is a line in
`BASELINES`, and a kind of features that `moascope.classification.baselines` is given.
"""

from __future__ import annotations

from dataclasses import dataclass

from moascope.classification.heads.base import HeadOptions
from moascope.classification.heads.kinds.gradient_boosting import BoostingOptions
from moascope.classification.heads.kinds.lda import LdaOptions
from moascope.classification.heads.kinds.logistic import LogisticOptions
from moascope.classification.heads.kinds.svm import SvmOptions
from moascope.core.registry import find_named

LAYOUT = "layout"
CHANNEL_MEAN_SD = "channel-mean-sd"
HAND_CRAFTED = "hand-crafted"
CELL_COUNT = "cell-count"


@dataclass(frozen=True)
class Baseline:
    """A simple classifier.

    Parameters
    ----------
    name : str
        As in `evaluation.baselines` of the configuration.
    title : str
        A noun phrase for the report.
    features : str
        Kind of the features, such as `LAYOUT`; empty for the most frequent class, which has none.
    head : HeadOptions or None
        The head on these features; None without features.
    needs_plates : bool
        Whether it is left out for images that have no plates.
    needs_cells : bool
        Whether it is left out where no cells are found.
    is_default : bool
        Whether it runs where the configuration names none.
    """

    name: str
    title: str
    features: str = ""
    head: HeadOptions | None = None
    needs_plates: bool = False
    needs_cells: bool = False
    is_default: bool = True


_LOGISTIC = LogisticOptions(calibrate=False)
_LDA = LdaOptions(calibrate=False)
_SVM = SvmOptions(calibrate=False)
_BOOSTING = BoostingOptions(calibrate=False)

MAJORITY = Baseline("majority", "most frequent class")

BASELINES: tuple[Baseline, ...] = (
    MAJORITY,
    Baseline("layout", "layout of the plates, logistic", LAYOUT, _LOGISTIC, needs_plates=True),
    Baseline("layout-lda", "layout of the plates, LDA", LAYOUT, _LDA, needs_plates=True),
    Baseline("channel-mean-sd", "channel mean and SD", CHANNEL_MEAN_SD, _LOGISTIC),
    Baseline("hand-crafted", "hand-crafted features, logistic", HAND_CRAFTED, _LOGISTIC),
    Baseline("hand-crafted-lda", "hand-crafted features, LDA", HAND_CRAFTED, _LDA),
    Baseline("hand-crafted-svm", "hand-crafted features, SVM", HAND_CRAFTED, _SVM),
    Baseline(
        "hand-crafted-gradient-boosting",
        "hand-crafted features, boosted trees",
        HAND_CRAFTED,
        _BOOSTING,
        is_default=False,
    ),
    Baseline(
        "cell-count", "cell count", CELL_COUNT, _LOGISTIC, needs_plates=True, needs_cells=True
    ),
)
"""All baselines, in the order of reports."""

NAMES = tuple(baseline.name for baseline in BASELINES)
DEFAULT_NAMES = tuple(baseline.name for baseline in BASELINES if baseline.is_default)


def get(name: str) -> Baseline:
    """Return the baseline with a name.

    Parameters
    ----------
    name : str
        As in `evaluation.baselines` of the configuration.

    Returns
    -------
    Baseline
        From `BASELINES`.

    Raises
    ------
    InputError
        If there is none.
    """
    return find_named(name, BASELINES, key="evaluation.baselines", kind="baseline")
