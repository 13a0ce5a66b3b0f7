"""How well a model names the mechanism: at unit, well and treatment level, with intervals.

Predictions are tables of test rows: ``unit_id, repeat, fold, fold_name, moa, predicted`` and one
column ``p:<class>`` of probabilities per class. Every number that is reported about a
classification is computed here from such a table, for models and baselines alike.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from moascope.classification import layout
from moascope.classification.baseline_registry import MAJORITY
from moascope.classification.evaluation import permutation
from moascope.classification.evaluation.levels import PLATE_LEVELS, Columns, Design
from moascope.classification.evaluation.sampling import sample_alike
from moascope.classification.heads.base import HeadOptions
from moascope.classification.heads.calibration import summarise
from moascope.classification.predictions import FoldLike
from moascope.core.errors import InputError
from moascope.core.statistics import intervals, metrics
from moascope.splits.independence import AUTO, COLUMNS, IMAGE, Independent, independent_unit, plural

logger = logging.getLogger(__name__)

# A well holds whole fields, so there the smaller unit no longer exists.
_COARSER: dict[str, dict[str, tuple[str, ...]]] = {
    "unit": {},
    "well": {"field": COLUMNS["well"], "site": COLUMNS["well"]},
}

AREA = "roc_auc"
IN_TRAINING = (
    "{units} are in training as well, so that fixed predictions cannot tell class and {unit} apart"
)
NO_AREA = "the test units are of one class only"
NO_UNITS = "the class has no test units"
SCORES = (*metrics.SCORES, AREA)
"""The scores that have intervals and a null, by their name in summary.json."""
_PROBABILITY = "p:"
_N_MISTAKES = 48

N_REFITS = 200
"""Permutations of the mechanisms that a linear head is fitted to for its null."""
MOST_REFIT_UNITS = 5000
"""With more units than this, the null is fitted to a sample of them, alike from all compounds."""


class Scored(NamedTuple):
    """Predictions as codes, ready for `moascope.core.statistics.metrics`."""

    classes: list[str]
    truth: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float64]
    """(n, n_classes), the order of `classes`."""
    repeats: npt.NDArray[np.int64]
    """Codes from 0."""


def class_names(predictions: pd.DataFrame) -> list[str]:
    """Names of the classes of a predictions table, in the order of its columns."""
    return [
        str(column)[len(_PROBABILITY) :]
        for column in predictions.columns
        if str(column).startswith(_PROBABILITY)
    ]


def aggregate(
    predictions: pd.DataFrame,
    units: pd.DataFrame,
    level: str,
    how: str = "mean",
    levels: Columns = PLATE_LEVELS,
) -> pd.DataFrame:
    """Join the predictions of all units of a well, a treatment or a group into one.

    All units count the same, whichever well of a treatment they are from. Repetitions stay apart.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Predictions of units.
    units : pandas.DataFrame
        The units table: ``unit_id`` and the columns of `levels`.
    level : str
        What one row of the result is: a key of `levels`.
    how : {"mean", "median", "vote"}
        ``mean``: mean of the probabilities. ``median``: their median per class, rescaled to sum to
        one (Kensert et al., 2019), the mean where all medians are zero. ``vote``: the class that
        most units were called; ties go to the larger mean probability, and the probabilities are
        the means.
    levels : mapping of str to tuple of str
        Columns of the units table that name each level.

    Returns
    -------
    pandas.DataFrame
        Predictions with the columns of the level and ``n_units`` instead of ``unit_id``, sorted by
        repeat and name. Where units of one row were tested in several folds, ``fold`` is -1 and
        ``fold_name`` is empty.

    Raises
    ------
    InputError
        For an unknown level or way, units without metadata, or two mechanisms in one row.
    """
    if level not in levels or how not in ("mean", "median", "vote"):
        raise InputError(
            f"aggregate: level {level!r}, how {how!r}; "
            f"level is {' or '.join(levels)}, how is mean, median or vote"
        )
    names = list(levels[level])
    keys = ["repeat", *names]
    classes = class_names(predictions)
    columns = [_PROBABILITY + name for name in classes]
    metadata = _metadata(predictions, units, names)
    table = pd.concat([predictions.reset_index(drop=True), metadata], axis=1)
    grouped = table.groupby(keys, sort=True)

    mixed = grouped["moa"].nunique()
    if (mixed > 1).any():
        worst = mixed.reset_index().loc[mixed.to_numpy().argmax(), names]
        raise InputError(
            f"{level} {'/'.join(map(str, worst))} has units of "
            f"{mixed.max()} different mechanisms; correct the MoA table so that it has one"
        )
    result = grouped[["fold", "fold_name", "moa"]].first()
    several = grouped["fold"].nunique() > 1
    result.loc[several, "fold"] = -1
    result.loc[several, "fold_name"] = ""
    mean = grouped[columns].mean()
    probabilities = mean
    if how == "median":
        median = grouped[columns].median()
        total = median.sum(axis=1)
        probabilities = median.div(total, axis=0).where(total > 0, mean)
    scores = probabilities.to_numpy()
    if how == "vote":
        called = pd.Categorical(table["predicted"], categories=classes)
        votes = pd.get_dummies(called).groupby([table[key] for key in keys]).sum().to_numpy()
        scores = np.where(votes == votes.max(axis=1, keepdims=True), scores, -1.0)
    result["predicted"] = np.asarray(classes, dtype=object)[scores.argmax(axis=1)]
    result[columns] = probabilities
    result["n_units"] = grouped.size()
    return result.reset_index()


@dataclass(frozen=True)
class Level:
    """Scores of one level (unit, well or treatment) with what their intervals need."""

    n: int
    """Units, wells or treatments, each counted once."""
    values: dict[str, tuple[float, npt.NDArray[np.floating[Any]]]]
    """By score: its value, and the influence of every independent group."""
    counts: metrics.ClassCounts
    groups: intervals.Groups
    no_interval: str = ""
    """Why there are no intervals and what to set; empty where there are."""

    def weights(self, score: str) -> npt.NDArray[np.float64]:
        """Weight of one unit of each class in a score, (n_classes,)."""
        n = self.groups.actual.sum(axis=0)
        if score == "accuracy":
            return np.full(len(n), 1 / n.sum())
        present = n > 0
        return np.where(present, 1 / np.maximum(n, 1e-300), 0.0) / present.sum()


def evaluate(
    predictions: pd.DataFrame,
    units: pd.DataFrame,
    options: Mapping[str, Any],
    *,
    baselines: Mapping[str, pd.DataFrame] | None = None,
    models: Mapping[str, pd.DataFrame] | None = None,
    refits: pd.DataFrame | None = None,
    unit: str = "site",
    split: str = "",
    held_out: Sequence[str] = (),
    design: Design | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Score a model: its entry under ``classification`` in summary.json, and more for the report.

    With several repetitions every score is the mean of the repetitions' scores, which is what one
    run of the model is worth. Pictures (confusion, reliability, mistakes, folds excepted) show one
    prediction per unit: the probabilities averaged over the repetitions. Intervals treat the groups
    of the independent unit, with all their repetitions, as what varies (`statistics.intervals`).

    Parameters
    ----------
    predictions : pandas.DataFrame
        Test rows of all folds and repeats; each unit at most once per repeat.
    units : pandas.DataFrame
        The units table; may hold more units than were predicted.
    options : mapping
        The config section ``evaluation``: ``aggregate``, ``permutations``, ``confidence``,
        ``calibration_bins``, ``independent_unit``.
    baselines : mapping of str to pandas.DataFrame, optional
        Predictions of the same units by baseline, to compare with.
    models : mapping of str to pandas.DataFrame, optional
        Predictions of the same units by other models, to compare with.
    refits : pandas.DataFrame, optional
        Scores of the permutation null of a linear head, from `refit_null`; where it is not given,
        the null deals the truth out among fixed predictions.
    unit : str
        What a unit is: site, tile or cell.
    split : str
        Name of the split, copied into the entry.
    held_out : sequence of str
        Columns that the split holds out, from `moascope.splits.independence.held_out_columns`.
    design : Design, optional
        What the units belong to; a screen of plates without free groups if not given.
    seed : int
        Seed of the permutation null.

    Returns
    -------
    dict
        JSON-ready. ``unit, split, n``; ``accuracy, macro_f1, balanced_accuracy, roc_auc``, each
        ``{value, ci, level, p, null}`` (``ci`` and ``p`` may be None with a ``reason``);
        ``calibration_error``; ``by_treatment, by_well``, the same for wells and treatments, or
        ``by_group``, the same for each free group where there are no plates; ``per_class``;
        ``baselines`` (the same scores, and ``comparator``: whether the model is compared with it);
        ``compounds`` (how many were tested, by class); ``comparisons`` by
        baseline and score (model less baseline, paired by group: ``{value, ci, level, p}``),
        ``model_comparisons``, the same by other model; ``confounding``, see
        `layout.association`; ``calibration``, see `calibration.summarise`; and
        ``details``: ``classes``, ``confusion`` (by level, rows are the truth), ``reliability``,
        ``folds``, ``mistakes`` (most confident first), ``repeats``, ``independent_unit``,
        ``n_independent``, ``aggregate``. A score that is not defined has the value None and a
        ``reason``.

    Raises
    ------
    InputError
        For an empty table, a unit predicted twice in a repeat, a unit without metadata, baselines
        of other units, or an independent unit that is finer than what the split holds out.
    """
    _check(predictions)
    design = Design() if design is None else design
    independent = independent_unit(
        held_out, str(options["independent_unit"]), split, design.groups, design.has_plates
    )
    frame = _Frame(units, design, independent, design.levels(units))
    coverage = float(options["confidence"])
    intervals.check_level(coverage)
    table = predictions.reset_index(drop=True)
    how = str(options["aggregate"])
    levels = by_level(table, units, how, frame.levels)
    scored, entries = _score_levels(levels, frame, options)
    _add_null(entries, levels, frame, options, refits, held_out, seed)
    others: dict[str, Any] = {}
    for name, rows in (baselines or {}).items():
        others[name], found = _baseline(name, rows, frame, options, held_out, seed)
        for level, entry in entries.items():
            if others[name]["comparator"]:
                entry.setdefault("comparisons", {})[name] = _compare(
                    scored[level], found[level], coverage, f"baseline {name!r}"
                )
    for name, rows in (models or {}).items():
        _check(rows)
        others_by_level = by_level(rows.reset_index(drop=True), units, how, frame.levels)
        for level, other in others_by_level.items():
            entries[level].setdefault("model_comparisons", {})[name] = _compare(
                scored[level], _score(other, frame, level), coverage, f"model {name!r}"
            )
    consensus = _consensus(table)
    pictures = by_level(consensus, units, how, frame.levels)
    top = entries.pop("unit")
    shares = [f"{top['accuracy']['value']:.4f} of {plural(unit, top['n'])}"]
    shares += [
        f"{entry['accuracy']['value']:.4f} of {plural(level, entry['n'])}"
        for level, entry in entries.items()
    ]
    logger.info("%s: accuracy %s", split or "evaluation", ", ".join(shares))
    members = units[units["unit_id"].isin(table["unit_id"])]
    return {
        "unit": unit,
        "split": split,
        **top,
        **_beside_units(entries, frame),
        "per_class": _per_class(table, scored["unit"], coverage),
        "baselines": others,
        "compounds": _compounds_by_class(table, frame) if design.has_plates else {},
        "confounding": _confounding(members, design, held_out) if _has_layout(members) else {},
        "calibration": summarise(table),
        "details": {
            "classes": class_names(table),
            "confusion": {level: _confusion(rows).tolist() for level, rows in pictures.items()},
            "reliability": _reliability_rows(consensus, int(options["calibration_bins"])),
            "folds": _folds(table),
            "mistakes": _mistakes(consensus, frame),
            "repeats": int(table["repeat"].nunique()),
            "independent_unit": independent.name,
            "n_independent": len(scored["unit"].groups.actual),
            "shared_groups": _shared_groups(members, frame, str(options["independent_unit"])),
            "aggregate": how,
        },
    }


def by_level(
    predictions: pd.DataFrame, units: pd.DataFrame, how: str, levels: Columns = PLATE_LEVELS
) -> dict[str, pd.DataFrame]:
    """Return predictions of units and of the other levels; see `aggregate`."""
    return {"unit": predictions} | {
        level: aggregate(predictions, units, level, how, levels) for level in levels
    }


@dataclass(frozen=True)
class _Frame:
    """Units, what they belong to, and what of it is independent."""

    units: pd.DataFrame
    design: Design
    independent: Independent
    levels: Columns


def _shared_groups(members: pd.DataFrame, frame: _Frame, chosen: str) -> list[str]:
    """Name the free groups that hold several independent units, though others were possible."""
    columns = frame.independent.columns
    if (chosen == AUTO and frame.design.has_plates) or not set(columns) <= set(members.columns):
        return []
    unit = members.groupby(list(columns)).ngroup()
    return [
        name
        for name in frame.design.groups
        if name not in columns
        and bool((members[name].groupby(unit).nunique() == 1).all())
        and bool((unit.groupby(members[name]).nunique() > 1).any())
    ]


def _beside_units(entries: Mapping[str, Any], frame: _Frame) -> dict[str, Any]:
    """Return the entries of all levels but the units, as they stand in summary.json."""
    if frame.design.has_plates:
        return {"by_treatment": entries["treatment"], "by_well": entries["well"]}
    return {"by_group": {level: entries[level] for level in frame.levels}}


def _confounding(
    members: pd.DataFrame, design: Design, held_out: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Measure how closely class and place go together, and say which free groups are held out."""
    found = layout.association(members, design)
    for name in set(design.groups) & set(held_out):
        found[name]["held_out"] = True
    return found


def _compounds_by_class(table: pd.DataFrame, frame: _Frame) -> dict[str, int]:
    counts = _compounds(table, frame, "unit").groupby("moa")["compound"].nunique()
    return {str(name): int(n) for name, n in counts.items()}


def refit_null(
    features: npt.NDArray[np.floating[Any]],
    units: pd.DataFrame,
    folds: Sequence[FoldLike],
    head: HeadOptions,
    *,
    how: str,
    n: int,
    seed: int,
    design: Design | None = None,
    exchanged: Sequence[str] = ("compound",),
) -> pd.DataFrame:
    """Fit a linear head anew to classes dealt out among compounds, and score it.

    Parameters
    ----------
    features : (n_units, d) float
        One row per row of `units`.
    units : pandas.DataFrame
        The units table.
    folds : sequence of FoldLike
        The folds of the split.
    head : HeadOptions
        As for `moascope.classification.heads.fitting.fit_head`.
    how : str
        As for `aggregate`.
    n : int
        How often classes are dealt out.
    seed : int
        Seed of the deals and of the head.
    design : Design, optional
        As for `evaluate`.
    exchanged : sequence of str
        Columns of the units table that name what classes are dealt out among.

    Returns
    -------
    pandas.DataFrame
        ``deal, level`` and a column per score; a row per deal and level. Deals that leave no fold
        with two classes to train on have no rows.
    """
    design = Design() if design is None else design
    levels = design.levels(units)
    tested = np.concatenate([fold.test for fold in folds])
    sets = (rows for fold in folds for rows in (fold.train, fold.validation))
    used = np.unique(np.concatenate([tested, *sets]))
    codes = np.full(len(units), -1)
    names = units[["moa"]].assign(compound=_joined(units, exchanged))
    codes[used], class_of = permutation.compound_codes(names.iloc[used])
    classes, dealt = np.unique(class_of, return_inverse=True)
    rows = pd.DataFrame(
        {
            "unit_id": units["unit_id"].to_numpy()[tested],
            "repeat": np.concatenate([np.full(len(fold.test), fold.repeat) for fold in folds]),
            "fold": np.concatenate([np.full(len(fold.test), fold.fold) for fold in folds]),
            "fold_name": "",
        }
    )
    columns = [_PROBABILITY + name for name in classes]
    if len(used) > MOST_REFIT_UNITS:
        chosen = sample_alike(codes, MOST_REFIT_UNITS, seed)
        logger.info("refits use %d of %d units", chosen.sum(), len(used))
        folds = [
            _Rows(
                train=fold.train[chosen[fold.train]],
                validation=fold.validation[chosen[fold.validation]],
                test=fold.test[chosen[fold.test]],
            )
            for fold in folds
        ]
        rows = rows[chosen[tested]].reset_index(drop=True)
        tested = tested[chosen[tested]]
    records = []
    for number, deal in enumerate(permutation.deal(dealt, n, seed)):
        labels = np.where(codes >= 0, deal[codes], -1)
        found = permutation.refit_predictions(features, labels, folds, head, len(classes), seed)
        known = ~np.isnan(found[:, 0])
        if not known.any():  # no fold has two classes to train on
            continue
        table = rows[known].reset_index(drop=True)
        table["moa"] = classes[labels[tested[known]]]
        table["predicted"] = classes[found[known].argmax(axis=1)]
        table[columns] = found[known]
        for level, predictions in _dealt_levels(table, units, how, levels).items():
            records.append({"deal": number, "level": level, **_plain_scores(predictions)})
    if len(records) == 0:
        logger.warning("no permutation of the classes leaves two classes to train on")
    types = {"deal": "int64", "level": "str"} | dict.fromkeys(SCORES, "float64")
    return pd.DataFrame(records, columns=list(types)).astype(types)


def _dealt_levels(
    table: pd.DataFrame, units: pd.DataFrame, how: str, levels: Columns
) -> dict[str, pd.DataFrame]:
    """Return the levels of a deal; without those whose members were dealt several classes."""
    if levels == PLATE_LEVELS:
        return by_level(table, units, how)
    found = {"unit": table}
    for level, columns in levels.items():
        names = _metadata(table, units, list(columns))[columns[0]]
        if bool((table["moa"].groupby(names).nunique() == 1).all()):
            found[level] = aggregate(table, units, level, how, levels)
    return found


def _joined(table: pd.DataFrame, columns: Sequence[str]) -> pd.Series:
    """Return the names of several columns as one column of text."""
    return table[list(columns)].astype(str).agg(" | ".join, axis=1)


@dataclass(frozen=True)
class _Rows:
    """A fold of which some rows are left out."""

    train: npt.NDArray[np.integer[Any]]
    validation: npt.NDArray[np.integer[Any]]
    test: npt.NDArray[np.integer[Any]]
    repeat: int = 0
    fold: int = 0
    name: str = ""


def _plain_scores(predictions: pd.DataFrame) -> dict[str, float]:
    """Scores without intervals, means over repetitions."""
    codes = _scored(predictions)
    counts = metrics.group_counts(codes.truth, codes.predicted, codes.repeats, len(codes.classes))
    summed = metrics.ClassCounts(*(part[:, 0] for part in counts))
    scores = {name: float(np.mean(score(summed))) for name, score in metrics.SCORES.items()}
    found = _area(codes, np.zeros_like(codes.truth), 1)
    return scores | {AREA: np.nan if found is None else found[0]}


def _area(
    codes: Scored, groups: npt.NDArray[np.int64], n_groups: int
) -> tuple[float, npt.NDArray[np.floating[Any]]] | None:
    """ROC AUC and its influences, means over the repetitions in which it is defined."""
    found = [
        intervals.roc_auc_score(codes.truth[run], codes.probabilities[run], groups[run], n_groups)
        for run in (codes.repeats == repeat for repeat in np.unique(codes.repeats))
    ]
    known = [area for area in found if area is not None]
    if not known:
        return None
    values, influences = zip(*known, strict=True)
    return float(np.mean(values)), np.mean(influences, axis=0)


def _score(predictions: pd.DataFrame, frame: _Frame, level: str) -> Level:
    """Compute the scores of one level and what their intervals need."""
    codes = _scored(predictions)
    groups = _groups(predictions, frame, level, frame.independent)
    counts = metrics.group_counts(
        codes.truth, codes.predicted, groups, len(codes.classes), codes.repeats
    )
    values = intervals.count_scores(counts)
    area = _area(codes, groups, len(counts.actual))
    keys = ["unit_id"] if level == "unit" else list(frame.levels[level])
    held = intervals.Groups(
        counts.actual.mean(axis=1), intervals.FLOORS.get(level, intervals.FLOORS["treatment"])
    )
    return Level(
        n=len(predictions[keys].drop_duplicates()),
        values=values if area is None else values | {AREA: area},
        counts=counts,
        groups=held,
        no_interval="" if held.show_spread else _no_interval(frame, level),
    )


def _no_interval(frame: _Frame, level: str) -> str:
    """Say why a level has no intervals, and what to set."""
    unit = _unit_of_level(frame, level)
    fix = f"test several {plural(unit, 2).removeprefix('2 ')} of a class"
    return f"{intervals.NO_INTERVAL.format(unit=unit)}. Fix: {fix}"


def _unit_of_level(frame: _Frame, level: str) -> str:
    """Name what is independent at a level."""
    if level == "treatment":
        return "compound"
    return "well" if frame.independent.name in _COARSER.get(level, {}) else frame.independent.name


def _score_levels(
    levels: Mapping[str, pd.DataFrame], frame: _Frame, options: Mapping[str, Any]
) -> tuple[dict[str, Level], dict[str, dict[str, Any]]]:
    """Score predictions at every level: what comparisons need, and the entries for JSON."""
    coverage, bins = float(options["confidence"]), int(options["calibration_bins"])
    scored = {level: _score(rows, frame, level) for level, rows in levels.items()}
    entries = {
        level: {
            **_score_entries(scored[level], coverage),
            "calibration_error": _calibration_error(rows, bins),
        }
        for level, rows in levels.items()
    }
    return scored, entries


def _score_entries(level: Level, coverage: float) -> dict[str, Any]:
    """Write scores with their intervals as for JSON."""
    entries: dict[str, Any] = {"n": level.n}
    for name in (*metrics.SCORES, AREA):
        if name not in level.values:
            entries[name] = {"value": None, "ci": None, "reason": NO_AREA}
            continue
        value, influence = level.values[name]
        compute = intervals.area_interval if name == AREA else intervals.share_interval
        entries[name] = _with_interval(level, name, value, influence, compute, coverage)
    return entries


def _with_interval(
    level: Level,
    name: str,
    value: float,
    influence: npt.NDArray[np.floating[Any]],
    compute: Callable[..., intervals.Interval],
    coverage: float,
) -> dict[str, Any]:
    """Write a value and its interval as for JSON."""
    weights = level.weights(name)
    degrees = level.groups.degrees(weights)
    entry: dict[str, Any] = {"value": value, "ci": None, "level": coverage}
    if degrees <= 0:
        return entry | {"reason": level.no_interval}
    variance, ceiling = level.groups.variance(influence, weights), level.groups.ceiling(weights)
    entry["ci"] = list(compute(value, variance, ceiling, degrees, coverage))
    if compute is intervals.difference_interval:
        entry["p"] = intervals.difference_p(value, variance, ceiling, degrees)
    return entry


def _compare(model: Level, other: Level, coverage: float, name: str) -> dict[str, Any]:
    """Compare two classifiers on the same units: model less other, paired by group."""
    if not np.array_equal(model.groups.actual, other.groups.actual):
        raise InputError(
            f"{name} was scored on other units than the model. Fix: predict both on one split"
        )
    return {
        score: _with_interval(
            model,
            score,
            model.values[score][0] - other.values[score][0],
            model.values[score][1] - other.values[score][1],
            intervals.difference_interval,
            coverage,
        )
        for score in metrics.SCORES
    }


def _baseline(
    name: str,
    predictions: pd.DataFrame,
    frame: _Frame,
    options: Mapping[str, Any],
    held_out: Sequence[str],
    seed: int,
) -> tuple[dict[str, Any], dict[str, Level]]:
    """Score a baseline as a model is scored: its entry without details, and its levels."""
    _check(predictions)
    levels = by_level(
        predictions.reset_index(drop=True), frame.units, str(options["aggregate"]), frame.levels
    )
    scored, entries = _score_levels(levels, frame, options)
    _add_null(entries, levels, frame, options, None, held_out, seed)
    chance = 1 / predictions["moa"].nunique()
    below = name == MAJORITY.name and entries["unit"]["balanced_accuracy"]["value"] < chance - 1e-9
    result = {
        **entries["unit"],
        **_beside_units(entries, frame),
        "comparator": not below,
    }
    if below:
        result["reason"] = (
            "the split makes its class rarer in training, so that it scores below chance"
        )
    return result, scored


def _add_null(
    entries: dict[str, dict[str, Any]],
    levels: Mapping[str, pd.DataFrame],
    frame: _Frame,
    options: Mapping[str, Any],
    refits: pd.DataFrame | None,
    held_out: Sequence[str],
    seed: int,
) -> None:
    """Add a p-value and the interval of a permutation null to every score of every level."""
    _, class_of = permutation.compound_codes(_compounds(levels["unit"], frame, "unit"))
    classes = pd.Index(class_names(levels["unit"])).get_indexer(pd.Index(class_of))
    distinct = permutation.distinct_deals(classes)
    n, coverage = int(options["permutations"]), float(options["confidence"])
    deals = permutation.deal(classes, n, seed)
    for level, rows in levels.items():
        if refits is None and not _is_held_out(frame):
            unit = "compound" if frame.design.has_plates else frame.independent.name
            reason = IN_TRAINING.format(unit=unit, units=plural(unit, 2).removeprefix("2 "))
            for name in SCORES:
                entries[level][name] |= permutation.no_null(reason)
            continue
        if refits is None:
            null, how = _label_null(rows, frame, level, deals), permutation.LABELS
        else:
            chosen = refits[refits["level"] == level]
            null, how = {name: chosen[name].to_numpy() for name in SCORES}, permutation.REFIT
        for name, values in null.items():
            score = entries[level][name]
            score |= permutation.against_null(score["value"], values, coverage, distinct, how)


def _is_held_out(frame: _Frame) -> bool:
    """Return whether no independent unit is in training where it is tested."""
    one_unit_each = frame.independent.name != IMAGE or frame.units["site_id"].is_unique
    return frame.independent.is_held_out and one_unit_each


def _label_null(
    rows: pd.DataFrame, frame: _Frame, level: str, deals: npt.NDArray[np.int64]
) -> dict[str, npt.NDArray[np.float64]]:
    """Scores of fixed predictions with the classes of the compounds dealt out anew."""
    codes = _scored(rows)
    compounds, _ = permutation.compound_codes(_compounds(rows, frame, level))
    return permutation.label_null(
        codes.predicted, codes.probabilities, codes.repeats, compounds, deals
    )


def _compounds(rows: pd.DataFrame, frame: _Frame, level: str) -> pd.DataFrame:
    """Class and compound of every row of a level, or what takes the place of compounds."""
    columns = list(frame.design.exchanged(frame.independent.columns))
    names = _joined(_columns(rows, frame, level, columns), columns)
    return pd.DataFrame({"moa": rows["moa"].to_numpy(), "compound": names.to_numpy()})


def _calibration_error(predictions: pd.DataFrame, bins: int) -> float | None:
    """Compute the expected calibration error, mean over repetitions."""
    codes = _scored(predictions)
    return metrics.mean_over(
        [
            metrics.expected_calibration_error(_reliability(codes, codes.repeats == repeat, bins))
            for repeat in np.unique(codes.repeats)
        ]
    )


def _has_layout(units: pd.DataFrame) -> bool:
    return {"plate", "well", "batch", "row", "col", "moa"} <= set(units.columns)


def _check(predictions: pd.DataFrame) -> None:
    """Refuse tables that would give numbers that look right and are not."""
    if predictions.empty:
        raise InputError("predictions: 0 rows; the split has no test units to score")
    repeated = predictions.duplicated(["unit_id", "repeat"])
    if repeated.any():
        first = predictions.loc[repeated, ["unit_id", "repeat"]].iloc[0]
        raise InputError(
            f"predictions: unit {first['unit_id']!r} is tested more than once in repeat "
            f"{first['repeat']} ({int(repeated.sum())} such rows); "
            "let the test sets of one repeat not overlap"
        )
    columns = [name for name in predictions.columns if str(name).startswith(_PROBABILITY)]
    undefined = ~np.isfinite(predictions[columns].to_numpy(np.float64)).all(axis=1)
    if undefined.any():
        raise InputError(
            f"predictions: the probabilities of unit {predictions['unit_id'][undefined].iloc[0]!r} "
            f"are NaN or infinite ({int(undefined.sum())} such rows). Fix: check the features or "
            "the training that they are of"
        )
    named = set(predictions["moa"]) | set(predictions["predicted"])
    unknown = sorted(map(str, named - set(class_names(predictions))))
    if unknown:
        raise InputError(
            f"predictions: class {unknown[0]!r} has no column '{_PROBABILITY}{unknown[0]}'"
        )


def _metadata(predictions: pd.DataFrame, units: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Columns of the units table in the row order of the predictions."""
    wanted = units.set_index("unit_id")[columns]
    position = wanted.index.get_indexer(pd.Index(predictions["unit_id"]))
    if (position < 0).any():
        missing = predictions["unit_id"].to_numpy()[position < 0]
        raise InputError(
            f"predictions: unit {missing[0]!r} is not in the units table "
            f"({len(missing)} such rows); predict and evaluate the same units"
        )
    return wanted.iloc[position].reset_index(drop=True)


def _scored(predictions: pd.DataFrame) -> Scored:
    """Turn names into codes."""
    classes = class_names(predictions)
    index = pd.Index(classes)
    return Scored(
        classes=classes,
        truth=index.get_indexer(pd.Index(predictions["moa"])).astype(np.int64),
        predicted=index.get_indexer(pd.Index(predictions["predicted"])).astype(np.int64),
        probabilities=predictions[[_PROBABILITY + name for name in classes]].to_numpy(np.float64),
        repeats=pd.factorize(predictions["repeat"], sort=True)[0].astype(np.int64),
    )


def _columns(
    predictions: pd.DataFrame, frame: _Frame, level: str, columns: list[str]
) -> pd.DataFrame:
    """Columns of the units table for every row of a level."""
    units = frame.units
    if level == "unit":
        return _metadata(predictions, units, columns)
    if set(columns) <= set(predictions.columns):
        return predictions[columns]
    keys = list(frame.levels[level])
    lookup = units.drop_duplicates(keys)[list(dict.fromkeys([*keys, *columns]))]
    return predictions[keys].merge(lookup, on=keys, how="left")[columns]


def _groups(
    predictions: pd.DataFrame, frame: _Frame, level: str, independent: Independent
) -> npt.NDArray[np.int64]:
    """Codes from 0 of the independent group of each row."""
    columns = _COARSER.get(level, {}).get(independent.name, independent.columns)
    if level == "treatment":  # whose wells lie on several plates
        columns = COLUMNS["compound"]
    keys = frame.levels.get(level, ())
    if keys and level != "treatment" and _varies_within(frame.units, keys, columns):
        columns = keys  # what is scored holds several independent units, so it is one itself
    names = _columns(predictions, frame, level, list(columns))
    codes = names.groupby(list(columns), sort=True, dropna=False).ngroup()
    return codes.to_numpy().astype(np.int64)


def _varies_within(units: pd.DataFrame, keys: Sequence[str], columns: Sequence[str]) -> bool:
    """Return whether a well holds several groups, as where its sites are of several patients."""
    rows = units.groupby(list(keys), sort=False)
    return any(
        bool((rows[name].nunique(dropna=False) > 1).any()) for name in columns if name not in keys
    )


def _reliability(scored: Scored, rows: npt.NDArray[np.bool_], bins: int) -> metrics.Reliability:
    """Reliability of the calls of some rows."""
    predicted = scored.predicted[rows]
    confidence = np.take_along_axis(scored.probabilities[rows], predicted[:, None], axis=1)[:, 0]
    return metrics.reliability(confidence, predicted == scored.truth[rows], bins)


def _consensus(predictions: pd.DataFrame) -> pd.DataFrame:
    """One prediction per unit: probabilities averaged over repeats (repeat 0, its first fold)."""
    if predictions["repeat"].nunique() == 1:
        return predictions
    classes = class_names(predictions)
    columns = [_PROBABILITY + name for name in classes]
    grouped = predictions.groupby("unit_id", sort=False)
    result = grouped[["repeat", "fold", "fold_name", "moa"]].first().assign(repeat=0)
    probabilities = grouped[columns].mean()
    result["predicted"] = np.asarray(classes, dtype=object)[probabilities.to_numpy().argmax(axis=1)]
    result[columns] = probabilities
    return result.reset_index()


def _confusion(predictions: pd.DataFrame) -> npt.NDArray[Any]:
    """Confusion matrix in the order of the classes."""
    scored = _scored(predictions)
    return metrics.confusion_matrix(scored.truth, scored.predicted, len(scored.classes))


def _per_class(
    predictions: pd.DataFrame, level: Level, coverage: float
) -> dict[str, dict[str, Any]]:
    """Precision, recall with its interval, F1 (means over repetitions) and units of each class."""
    codes = _scored(predictions)
    summed = metrics.ClassCounts(*(part.sum(axis=0) for part in level.counts))
    scores = metrics.per_class_scores(summed)
    recalls = intervals.recall_intervals(level.counts, level.groups, coverage)
    n = predictions.groupby("moa")["unit_id"].nunique()
    result: dict[str, dict[str, Any]] = {}
    for index, name in enumerate(codes.classes):
        entry: dict[str, Any] = {
            key: metrics.mean_over([_json_number(value) for value in values[:, index]])
            for key, values in scores.items()
        }
        value, bounds = recalls[index] or (None, None)
        entry["recall"] = {
            "value": value,
            "ci": None if bounds is None else list(bounds),
            "level": coverage,
        }
        if bounds is None:
            entry["recall"]["reason"] = NO_UNITS if value is None else level.no_interval
        result[name] = entry | {"n": int(n.get(name, 0))}
    return result


def _reliability_rows(predictions: pd.DataFrame, bins: int) -> list[dict[str, Any]]:
    """Reliability bins as records."""
    scored = _scored(predictions)
    result = _reliability(scored, np.ones(len(predictions), dtype=bool), bins)
    return [
        {
            "lower": float(lower),
            "upper": float(upper),
            "n": int(n),
            "confidence": _json_number(confidence),
            "accuracy": _json_number(accuracy),
        }
        for lower, upper, n, confidence, accuracy in zip(*result, strict=True)
    ]


def _folds(predictions: pd.DataFrame) -> list[dict[str, Any]]:
    """Size and accuracy of every fold."""
    right = predictions["moa"] == predictions["predicted"]
    grouped = predictions.assign(right=right).groupby(["repeat", "fold", "fold_name"])["right"]
    return _records(grouped.agg(n="size", accuracy="mean").reset_index())


def _mistakes(predictions: pd.DataFrame, frame: _Frame) -> list[dict[str, Any]]:
    """List the wrong calls that the model was surest of."""
    wrong = predictions[predictions["moa"] != predictions["predicted"]]
    scored = _scored(wrong)
    confidence = np.take_along_axis(scored.probabilities, scored.predicted[:, None], axis=1)[:, 0]
    order = np.argsort(-confidence, kind="stable")[:_N_MISTAKES]
    chosen = wrong.iloc[order].reset_index(drop=True)
    places = ["plate", "well", "treatment"] if frame.design.has_plates else [*frame.design.groups]
    metadata = _metadata(chosen, frame.units, places)
    table = pd.concat([chosen[["unit_id", "moa", "predicted", "fold_name"]], metadata], axis=1)
    table["confidence"] = confidence[order]
    return _records(table)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as dictionaries of plain Python values."""
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _json_number(value: float) -> float | None:
    """Give None for NaN, which JSON does not have."""
    return None if np.isnan(value) else float(value)
