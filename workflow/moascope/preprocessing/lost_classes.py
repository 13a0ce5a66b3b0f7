"""Classes without any unit after quality control."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from moascope.core.errors import InputError
from moascope.preprocessing.flag_balance import used_labels


def check(
    units: pd.DataFrame,
    quality: pd.DataFrame,
    *,
    include_controls: bool,
    channels: Sequence[str] = (),
) -> list[str]:
    """Check that quality control leaves units of at least two classes.

    Parameters
    ----------
    units : pandas.DataFrame
        The units table, from `moascope.preprocessing.units.leave_out`.
    quality : pandas.DataFrame
        The quality table of the screen: site_id and reasons.
    include_controls : bool
        Whether controls form a class.
    channels : sequence of str
        Channels that are not declared brightfield, to be named in the fix.

    Returns
    -------
    list of str
        A sentence for every class that is lost as a whole.

    Raises
    ------
    InputError
        If fewer than two classes are left though there were more.
    """
    labels = used_labels(units, include_controls=include_controls)
    of_class = units.assign(label=labels)[labels != ""]
    usable = of_class["usable"].astype(bool)
    left = sorted(of_class.loc[usable, "label"].unique())
    lost = of_class[~of_class["label"].isin(left)].merge(
        quality[["site_id", "reasons"]], on="site_id", how="left", validate="m:1"
    )
    if lost.empty:
        return []
    causes = [_causes(str(name), rows) for name, rows in lost.groupby("label")]
    if len(left) >= 2:
        return [f"Class lost as a whole: {cause}." for cause in causes]
    found = f"only the class {left[0]!r}" if left else "none"
    fix = _fix(lost, channels)
    raise InputError(
        f"a split needs at least two classes, found {found} after quality control: "
        f"{'; '.join(causes)}. Fix: {fix}"
    )


def _causes(name: str, rows: pd.DataFrame) -> str:
    """Count the units of a class by what they are left out for."""
    flagged = rows["flagged"].astype(bool)
    reasons = rows.loc[flagged, "reasons"].fillna("").str.split(";").explode()
    counts = reasons[reasons != ""].value_counts()
    why = ", ".join(f"{reason}: {n:,}" for reason, n in counts.items())
    parts = []
    if flagged.any():
        verb = "is" if flagged.sum() == 1 else "are"
        parts.append(
            f"{flagged.sum():,} of {len(rows):,} {name!r} {verb} flagged"
            + (f" ({why})" if why else "")
        )
    if not flagged.all():
        parts.append(
            f"{(~flagged).sum():,} of {len(rows):,} {name!r} have too little foreground or are on "
            "plates that fail as a whole"
        )
    return ", ".join(parts)


def _fix(lost: pd.DataFrame, channels: Sequence[str]) -> str:
    """Return the advice: the keys that keep the units."""
    flagged = lost["flagged"].astype(bool)
    is_empty = lost["reasons"].fillna("").str.split(";").map(lambda reasons: "empty" in reasons)
    fixes = []
    if channels and (is_empty | ~flagged).any():
        fixes.append(f"input.brightfield: [{', '.join(channels)}] if objects are dark or textured")
    if flagged.any():
        fixes.append("quality.exclude_flagged: false")
    if not flagged.all():
        fixes.append("quality.exclude_flagged_plates: false or a smaller units.min_foreground")
    return f"set {', or '.join(fixes)}"
