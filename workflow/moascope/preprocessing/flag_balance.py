"""Balance of excluded sites over the classes.

If one class loses more sites than the others, models learn from a biased sample and their scores
mean something else. Labels are read here only to count; nothing is fitted to them.
"""

from __future__ import annotations

from typing import TypedDict

import numpy as np
import numpy.typing as npt
import pandas as pd

PERMUTATIONS = 1999
ALPHA = 0.01


class ClassLoss(TypedDict):
    """Sites of a class, how many of them are lost, and the p-value of that."""

    n: int
    lost: int
    p: float


class BalanceTest(TypedDict):
    """Result of `balance_test`."""

    p: float
    """Of any class."""
    classes: dict[str, ClassLoss]


class Balance(BalanceTest):
    """The same with the unit of permutation: "well", "site" or "image"."""

    permuted: str


_LEAST_WELLS = 3  # of every class; with fewer, permuting wells can hardly show anything


def used_labels(sites: pd.DataFrame, *, include_controls: bool) -> pd.Series:
    """Return the class of every site; empty if no class is used for it.

    Parameters
    ----------
    sites : pandas.DataFrame
        Columns moa and role.
    include_controls : bool
        Whether any split makes a class of the controls.

    Returns
    -------
    pandas.Series of str
        With the index of `sites`.
    """
    labels = sites["moa"].fillna("").astype(str)
    return labels if include_controls else labels.mask(sites["role"] == "control", "")


def groups(
    sites: pd.DataFrame, labels: pd.Series, *, has_plates: bool = True
) -> tuple[str, pd.Series]:
    """Choose the unit of permutation: wells, whose sites share their faults, or sites.

    Parameters
    ----------
    sites : pandas.DataFrame
        Columns site_id, plate and well.
    labels : pandas.Series
        Class of every site.
    has_plates : bool
        Whether images lie in wells of plates.

    Returns
    -------
    tuple of str and pandas.Series
        "well" or "site", without plates "image", and the name of the one that each row belongs
        to. Sites are taken where some class has fewer than three wells, or wells are not known.
    """
    if not has_plates:
        return "image", sites["site_id"]
    if sites["well"].fillna("").astype(str).ne("").all():
        names = sites["plate"].astype(str) + "/" + sites["well"].astype(str)
        if names.groupby(labels).nunique().min() >= _LEAST_WELLS:
            return "well", names
    return "site", sites["site_id"]


def balance_test(
    lost: npt.ArrayLike, labels: npt.ArrayLike, groups: npt.ArrayLike, seed: int
) -> BalanceTest:
    """Compute p-values of classes that lose more, or less, than the others.

    Classes are permuted among groups, so that what is lost together counts as one event. The
    statistic of a class is the deviation of its count from its share, over the square root of its
    size; p-values are those of the largest deviation of any class (Westfall and Young 1993), so
    they are corrected for the number of classes. Exact up to the number of permutations.

    Parameters
    ----------
    lost : array (n,) of bool
        Whether each row is lost.
    labels : array (n,) of str
        Classes.
    groups : array (n,)
        Rows of one name stay together; a group with rows of several classes counts as several.
    seed : int
        Seed of the permutations.

    Returns
    -------
    BalanceTest
        The p-values.
    """
    table = pd.DataFrame({"lost": np.asarray(lost, bool), "label": labels, "group": groups})
    by_group = table.groupby(["group", "label"], sort=True)["lost"].agg(["size", "sum"])
    names, codes = np.unique(by_group.index.get_level_values("label"), return_inverse=True)
    size, count = (by_group[name].to_numpy(float) for name in ("size", "sum"))
    sizes, counts = (np.bincount(codes, weights) for weights in (size, count))
    share = count.sum() / size.sum()

    def deviations(codes: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
        excess = np.bincount(codes, count - share * size, minlength=len(names))
        total = np.bincount(codes, size, minlength=len(names))
        return np.asarray(np.abs(excess) / np.sqrt(total))

    found = deviations(codes)
    p = np.ones(len(names))
    if 0 < share < 1 and len(names) > 1:
        rng = np.random.default_rng(seed)
        largest = np.array([deviations(rng.permutation(codes)).max() for _ in range(PERMUTATIONS)])
        reached = (largest[:, None] >= found * (1 - 1e-12)).sum(axis=0)
        p = (1 + reached) / (1 + PERMUTATIONS)
    return {
        "p": float(p.min()),
        "classes": {
            str(name): {"n": int(sizes[k]), "lost": int(counts[k]), "p": float(p[k])}
            for k, name in enumerate(names)
        },
    }


def uneven_classes(balance: BalanceTest) -> dict[str, ClassLoss]:
    """Return the classes that lose more than the others, or else those that lose less.

    Parameters
    ----------
    balance : BalanceTest
        From `balance_test`.

    Returns
    -------
    dict of str to ClassLoss
        Those with a p-value of at most `ALPHA`, largest share first; the others are not named,
        since where one class loses more all others lose less.
    """
    rows = balance["classes"]
    share = sum(row["lost"] for row in rows.values()) / sum(row["n"] for row in rows.values())
    shares = {name: row["lost"] / row["n"] for name, row in rows.items()}
    uneven = [name for name, row in rows.items() if row["p"] <= ALPHA]
    more = [name for name in uneven if shares[name] > share]
    return {name: rows[name] for name in sorted(more or uneven, key=lambda name: -shares[name])}


def describe(what: str, balance: Balance) -> str:
    """Return a sentence that names the classes that deviate, with counts.

    Parameters
    ----------
    what : str
        What is counted, such as "Flagged sites".
    balance : Balance
        From `balance_test`, with the unit of permutation.

    Returns
    -------
    str
        Empty where nothing deviates.
    """
    uneven = uneven_classes(balance)
    if not uneven:
        return ""
    rows = balance["classes"].values()
    n, lost = sum(row["n"] for row in rows), sum(row["lost"] for row in rows)
    classes = ", ".join(
        f"“{name}” {row['lost']:,} of {row['n']:,} (the others {lost - row['lost']:,} of "
        f"{n - row['n']:,}, p = {row['p']:.2g})"
        for name, row in uneven.items()
    )
    return (
        f"{what} are uneven over the classes: {classes}; permutation test of classes among "
        f"{balance['permuted']}s."
    )
