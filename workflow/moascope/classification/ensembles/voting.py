"""Ensembles: predictions of several models, or of several seeds of one, joined unit by unit."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from moascope.classification.ensembles.options import Ensemble
from moascope.classification.evaluation.aggregation import aggregate
from moascope.classification.evaluation.codes import PROBABILITY
from moascope.core.errors import InputError


def combine(tables: Mapping[str, pd.DataFrame], options: Ensemble) -> pd.DataFrame:
    """Join the predictions of models into one per unit.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        Predictions by model. Every repetition of every model is a voter.
    options : Ensemble
        How votes are joined.

    Returns
    -------
    pandas.DataFrame
        A predictions table of one repetition, sorted by unit_id, with the column n_voters.

    Raises
    ------
    InputError
        If models predict different classes or units, or a voter lacks a unit.
    """
    columns = {name: sorted(_probabilities(table)) for name, table in tables.items()}
    units = {name: set(table["unit_id"]) for name, table in tables.items()}
    first = next(iter(tables))
    problems = [
        f"{name!r} predicts other {what} than {first!r}"
        for what, found in (("classes", columns), ("units", units))
        for name, own in found.items()
        if own != found[first]
    ]
    problems += [
        f"{name!r} does not predict every unit in every repetition"
        for name, table in tables.items()
        if len(table) != len(units[name]) * table["repeat"].nunique()
    ]
    if problems:
        raise InputError.collect(problems, "these models cannot vote together")
    voters = pd.concat([table[list(tables[first].columns)] for table in tables.values()])
    names = sorted(units[first])
    result = aggregate(
        voters.assign(repeat=0).reset_index(drop=True),
        pd.DataFrame({"unit_id": names, "voted": names}),
        "unit",
        options.combine,
        {"unit": ("voted",)},
    )
    return result.rename(columns={"voted": "unit_id", "n_units": "n_voters"})


def _probabilities(table: pd.DataFrame) -> list[str]:
    return [str(name) for name in table.columns if str(name).startswith(PROBABILITY)]
