"""Splits of the report: what they test, and their figures."""

from __future__ import annotations

from typing import Any

import pandas as pd

from moascope.report import wording
from moascope.report.context import (
    Context,
)
from moascope.report.figures import splits as figures
from moascope.splits.folds import iterate_folds
from moascope.splits.independence import held_out_columns, plural

MAX_SPLIT_CELLS = 64


def describe_known_groups(context: Context, name: str) -> str:
    """Describe the test groups of a split that were also in training.

    Parameters
    ----------
    context : Context
        From `context.load_context`.
    name : str
        Name of the split.

    Returns
    -------
    str
        A sentence per kind of group (compound and batch, or the free groups of images without
        plates) that the split does not hold out; empty where training had none of them.
    """
    split, units, options = context.splits[name], context.units, context.options
    columns = ["compound", "batch"] if options.words.has_plates else list(options.groups)
    held_out = {part for names in held_out_columns(split.config) for part in names.split("+")}
    sentences = []
    for column in [column for column in columns if column not in held_out and column in units]:
        values = units[column].fillna("").astype(str)
        named = (values != "") & (units["role"] != "control")
        tested, known = set(), set()
        for fold in iterate_folds(split.table, split.groups, units):
            test = set(values.iloc[fold.test][named.iloc[fold.test]])
            tested |= test
            known |= test & set(values.iloc[fold.train])
        if known:
            many = plural(column, 2).removeprefix("2 ")
            known_words = (
                f"All test {many}"
                if known == tested
                else f"{len(known):,} of {len(tested):,} test {many}"
            )
            sentences.append(
                f"{known_words} were also in training: scores on a new {column} may be lower."
            )
    return " ".join(sentences)


def describe_limits(context: Context, name: str) -> str:
    """Return the limits of a split: by its method, or else by the groups also in training."""
    found = wording.describe_untested(context.splits[name].config, context.options.words)
    return found or describe_known_groups(context, name)


def split_section(context: Context, name: str) -> dict[str, Any]:
    """Return the texts and the figure of a split for the template."""
    split = context.splits[name]
    table = split.table
    first = table[table["repeat"] == table["repeat"].min()]
    return {
        "name": name,
        "method": split.config.method,
        "svg": split_figure(context, name),
        "repeats": int(table["repeat"].nunique()),
        "folds": int(first["fold"].nunique()),
        "groups": int(first["group"].nunique()),
        "tested_on": wording.describe_test_units(split.config),
        "not_tested": describe_limits(context, name),
        "audit": split.audit,
        "audit_words": wording.describe_audit(split.audit),
        "audit_gaps": wording.describe_audit_gaps(split.audit),
    }


def split_figure(context: Context, name: str) -> str:
    """Draw the first repeat of a split: groups against folds, or bars where there are too many."""
    split = context.splits[name]
    table = split.table
    first = table[table["repeat"] == table["repeat"].min()]
    moa = context.units.set_index("unit_id")["moa"]
    members = split.groups.assign(moa=split.groups["unit_id"].map(moa))
    folds = first.drop_duplicates("fold").sort_values("fold")
    if max(first["group"].nunique(), len(folds)) > MAX_SPLIT_CELLS:
        return _split_bars(name, first, members, folds)
    classes = members.groupby("group")["moa"].agg(["first", "nunique"])
    # A group of several classes (a plate, a batch) is not sorted under one of them.
    pure = bool((classes["nunique"] == 1).all())
    sections = classes["first"].to_dict() if pure else {}
    order = sorted(first["group"].unique(), key=lambda group: (sections.get(group, ""), group))
    wide = first.pivot(index="group", columns="fold", values="set")
    wide = wide.reindex(index=order, columns=folds["fold"]).fillna("")
    alt = (
        f"Split {name}: {len(order)} groups by {wording.count(len(folds), 'fold')}; each fold "
        "tests on the groups marked as test and trains on the others"
    )
    return figures.split_picture(
        wide.to_numpy().tolist(), order, len(folds), [sections.get(g, "") for g in order], alt
    )


def _split_bars(name: str, first: pd.DataFrame, members: pd.DataFrame, folds: pd.DataFrame) -> str:
    sizes = members.groupby("group").size().rename("units")
    shown = folds.head(MAX_SPLIT_CELLS)
    rows = first[first["fold"].isin(shown["fold"])].join(sizes, on="group")
    counts = rows.pivot_table(
        index="fold", columns="set", values="units", aggfunc="sum", fill_value=0
    ).reindex(index=shown["fold"], columns=list(figures.SETS), fill_value=0)
    counts.index = pd.Index([str(fold) for fold in shown["fold_name"]])
    n_folds = wording.count(len(shown), "fold")
    alt = f"Split {name}: units in training, validation and test of {n_folds}"
    return figures.split_bars(counts, alt)
