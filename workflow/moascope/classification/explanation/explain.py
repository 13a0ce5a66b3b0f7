"""Explanations of a model: the units to show, their maps, and scores of altered units."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from moascope.classification.explanation.files import TEXTS, Explanation
from moascope.classification.explanation.methods import Method, get
from moascope.classification.explanation.options import Explain
from moascope.classification.explanation.scores import UNALTERED, count_correct, join_folds
from moascope.classification.explanation.subject import Subject
from moascope.classification.streaming import gather, unit_places
from moascope.core.named_functions import load_function
from moascope.networks.keras_defaults import keras

logger = logging.getLogger(__name__)


def choose_shown(predictions: pd.DataFrame, per_class: int, seed: int) -> pd.DataFrame:
    """Choose test units of every class that were classified correctly, and that were not.

    Parameters
    ----------
    predictions : pandas.DataFrame
        unit_id, repeat, fold, moa and predicted; the first repetition is used.
    per_class : int
        Largest number of each kind.
    seed : int
        Of the choice.

    Returns
    -------
    pandas.DataFrame
        Rows of `predictions`, by class, the correct ones first.
    """
    first = predictions[predictions["repeat"] == predictions["repeat"].min()]
    first = first.drop_duplicates("unit_id").sample(frac=1, random_state=seed)
    is_wrong = (first["moa"] != first["predicted"]).rename("wrong")
    chosen = first.groupby([first["moa"], is_wrong], sort=True).head(per_class)
    order = chosen.assign(wrong=is_wrong[chosen.index]).sort_values(["moa", "wrong"], kind="stable")
    return order.drop(columns="wrong").reset_index(drop=True)


def choose_measured(predictions: pd.DataFrame, most: int, seed: int) -> pd.DataFrame:
    """Choose test units whose altered copies are classified, as equal by class as can be.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As for `choose_shown`.
    most : int
        Largest number of units.
    seed : int
        Of the choice.

    Returns
    -------
    pandas.DataFrame
        Rows of `predictions`.
    """
    first = predictions[predictions["repeat"] == predictions["repeat"].min()]
    first = first.drop_duplicates("unit_id").sample(frac=1, random_state=seed)
    turn = first.groupby("moa").cumcount()
    order = turn.sort_values(kind="stable").index[:most]
    return first.loc[order].reset_index(drop=True)


def explain(
    name: str,
    read_network: Callable[[int | None], keras.Model],
    stacks: Sequence[np.ndarray],
    unit_ids: Sequence[str],
    predictions: pd.DataFrame,
    channels: Sequence[str],
    methods: Sequence[str],
    options: Explain,
    *,
    has_folds: bool,
    seed: int,
) -> Explanation:
    """Explain a model on test units.

    Parameters
    ----------
    name : str
        Of the model.
    read_network : callable
        Takes the number of a fold (as in the names of files), or None for the final model, and
        returns the classifier.
    stacks : sequence of array
        `(n_i, H, W, C)` units of the plates, in the order of `unit_ids`.
    unit_ids : sequence of str
        All units.
    predictions : pandas.DataFrame
        Test predictions, all folds, with a column `p:{class}` per class.
    channels : sequence of str
        Of the units.
    methods : sequence of str
        Names of `METHODS`.
    options : Explain
        Numbers of units.
    has_folds : bool
        Whether every unit is explained by the network of the fold that tested it; otherwise by
        the final model, which was fitted to these units.
    seed : int
        Of the choice of units.

    Returns
    -------
    Explanation
        Maps of the class that was predicted in the test.

    Raises
    ------
    InputError
        If the network does not allow a method.
    """
    classes = [name[2:] for name in map(str, predictions.columns) if name.startswith("p:")]
    shown = choose_shown(predictions, options.units_per_class, seed)
    measured = choose_measured(predictions, options.measured_units, seed)
    chosen = [get(each) for each in methods]
    drawing = [each for each in chosen if each.makes_maps]
    counting = [each for each in chosen if not each.makes_maps]
    places = pd.Series(list(unit_places(stacks)), index=list(unit_ids))

    def read_units(table: pd.DataFrame) -> np.ndarray:
        rows = np.stack(list(places[table["unit_id"]]))
        return gather(stacks, rows).astype(np.float32)

    means = read_units(measured).mean(axis=(0, 1, 2))
    maps = {
        each.name: np.zeros((len(shown), *stacks[0].shape[1:3]), np.float16) for each in drawing
    }
    tables = []
    for number in _fold_numbers(predictions, shown, measured) if has_folds else [None]:
        model = read_network(number)
        subject = Subject(name, model, tuple(channels), means)
        drawn = _rows_of(shown, predictions, number)
        if drawing and len(drawn):
            units = read_units(shown.loc[drawn])
            targets = _codes(shown.loc[drawn, "predicted"], classes)
            for method in drawing:
                logger.info("%s of %d units", method.title, len(units))
                found = load_function(method.function)(subject, units, targets, options)
                maps[method.name][drawn] = _scale(found)
        counted = _rows_of(measured, predictions, number)
        if counting and len(counted):
            units = read_units(measured.loc[counted])
            labels = _codes(measured.loc[counted, "moa"], classes)
            tables.append(_count(subject, units, labels, counting, options))
    return Explanation(shown[list(TEXTS)], maps, join_folds(tables))


def _count(
    subject: Subject,
    units: np.ndarray,
    labels: np.ndarray,
    methods: Sequence[Method],
    options: Explain,
) -> pd.DataFrame:
    plain = pd.DataFrame([count_correct(subject, units, labels, UNALTERED, "", 0.0)])
    tables = [load_function(each.function)(subject, units, labels, options) for each in methods]
    return pd.concat([plain, *tables], ignore_index=True)


def _fold_numbers(predictions: pd.DataFrame, *chosen: pd.DataFrame) -> list[int]:
    """List the folds, by the number in the names of their files, that tested chosen units."""
    return sorted({int(each) for table in chosen for each in _file_numbers(table, predictions)})


def _file_numbers(table: pd.DataFrame, predictions: pd.DataFrame) -> np.ndarray:
    pairs = predictions[["repeat", "fold"]].drop_duplicates().sort_values(["repeat", "fold"])
    known = {pair: number for number, pair in enumerate(pairs.itertuples(index=False, name=None))}
    rows = table[["repeat", "fold"]].itertuples(index=False, name=None)
    return np.array([known[pair] for pair in rows], dtype=np.int64)


def _rows_of(table: pd.DataFrame, predictions: pd.DataFrame, number: int | None) -> np.ndarray:
    """Return the rows of units that the network of a fold tested; all without a fold."""
    if number is None:
        return np.arange(len(table))
    return np.flatnonzero(_file_numbers(table, predictions) == number)


def _codes(names: pd.Series, classes: Sequence[str]) -> np.ndarray:
    return names.map({name: code for code, name in enumerate(classes)}).to_numpy(np.int64)


def _scale(maps: np.ndarray) -> np.ndarray:
    """Divide every map by its largest value; a map without evidence stays zero."""
    largest = maps.max(axis=(1, 2), keepdims=True)
    return np.divide(maps, largest, out=np.zeros_like(maps), where=largest > 0)
