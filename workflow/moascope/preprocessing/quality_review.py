"""Review of the quality of a screen: failing plates, flags by class, and undeclared brightfield."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import TypedDict

import pandas as pd

from moascope.core.errors import RunWarning
from moascope.preprocessing import flag_balance, plate_quality
from moascope.preprocessing.quality_measures.options import Quality
from moascope.screen.wording import MECHANISM, Words

log = logging.getLogger(__name__)

_MAX_NAMES = 8
FAILED_PLATE, UNEVEN, BRIGHTFIELD = "failed-plate", "uneven-flags", "undeclared-brightfield"


class QualityFindings(TypedDict):
    """Findings about the quality of a screen."""

    flagged_plates: dict[str, dict[str, str]]
    """By plate that fails as a whole, and by reason: the numbers in words."""
    by_class: dict[str, flag_balance.Balance]
    """By kind of loss, such as "flagged sites"."""
    undeclared_brightfield: dict[str, int]
    """Sites that look like brightfield, by channel."""


class QualityReview(QualityFindings):
    """The same with the warnings about them."""

    warnings: list[RunWarning]


def review(
    sites: pd.DataFrame,
    quality: pd.DataFrame,
    units: pd.DataFrame,
    channels: Sequence[str],
    options: Quality,
    *,
    brightfield: Sequence[str] = (),
    include_controls: bool = False,
    words: Words = MECHANISM,
    seed: int = 0,
) -> QualityReview:
    """Check the quality of a screen, and log warnings.

    Parameters
    ----------
    sites : pandas.DataFrame
        The sites table of the screen.
    quality : pandas.DataFrame
        Its quality table.
    units : pandas.DataFrame
        Its units table.
    channels : sequence of str
        Channel names.
    options : Quality
        The section `quality` of the configuration.
    brightfield : sequence of str
        Channels that are declared brightfield.
    include_controls : bool
        Whether any split makes a class of the controls.
    words : Words
        Words of the run; images without plates get no verdicts on plates.
    seed : int
        Seed of the permutations.

    Returns
    -------
    QualityReview
        Findings and warnings.
    """
    table = quality.merge(
        sites[["site_id", "plate", "well", "moa", "role"]], on="site_id", validate="1:1"
    )
    found: QualityFindings = {
        "flagged_plates": _failed_plates(table, channels, options, brightfield)
        if words.has_plates
        else {},
        "by_class": _balances(
            table, units, include_controls=include_controls, words=words, seed=seed
        ),
        "undeclared_brightfield": plate_quality.suspected_brightfield(
            quality, channels, brightfield
        ),
    }
    n_read = int((quality["status"] == "ok").sum())
    warnings: list[RunWarning] = [
        {"id": identifier, "about": about, "text": text}
        for identifier, about, text in (
            *_plate_warnings(found["flagged_plates"], options.exclude_flagged_plates),
            *_class_warnings(found["by_class"], options.exclude_flagged),
            *_brightfield_warnings(found["undeclared_brightfield"], n_read, words.sites),
        )
    ]
    for warning in warnings:
        log.warning("%s: %s", warning["about"], warning["text"])
    return {**found, "warnings": warnings}


def _failed_plates(
    table: pd.DataFrame,
    channels: Sequence[str],
    options: Quality,
    brightfield: Sequence[str],
) -> dict[str, dict[str, str]]:
    medians = plate_quality.plate_medians(table, channels)
    return plate_quality.judge(medians, channels, options, brightfield)


def _balances(
    table: pd.DataFrame, units: pd.DataFrame, *, include_controls: bool, words: Words, seed: int
) -> dict[str, flag_balance.Balance]:
    """Compare classes by flagged sites, unreadable ones, and units without foreground."""
    tables = {
        f"flagged {words.sites}": table.assign(lost=table["flagged"].eq(True)),
        f"unreadable {words.sites}": table.assign(lost=table["status"] == "quarantined"),
        "units without foreground": units[~units["flagged"].astype(bool)].assign(
            lost=lambda rows: ~rows["usable"].astype(bool)
        ),
    }
    result: dict[str, flag_balance.Balance] = {}
    for what, rows in tables.items():
        labels = flag_balance.used_labels(rows, include_controls=include_controls)
        used = rows[labels != ""]
        if used.empty or not used["lost"].any():
            continue
        labels = labels[labels != ""]
        permuted, groups = flag_balance.groups(used, labels, has_plates=words.has_plates)
        result[what] = {
            "permuted": permuted,
            **flag_balance.balance_test(used["lost"], labels, groups, seed),
        }
    return result


def _plate_warnings(
    failed: Mapping[str, Mapping[str, str]], excluded: bool
) -> Iterator[tuple[str, str, str]]:
    """Yield one warning for all plates that fail for the same reasons."""
    plates: dict[tuple[str, ...], list[str]] = {}
    for plate, reasons in failed.items():
        plates.setdefault(tuple(reasons), []).append(plate)
    for causes, names in plates.items():
        words = "; ".join(f"{cause} ({failed[names[0]][cause]})" for cause in causes)
        them, such = ("It is", "it") if len(names) == 1 else ("They are", "them")
        subject = (
            "The plate as a whole fails quality control"
            if len(names) == 1
            else f"{len(names):,} plates as a whole fail quality control, first {names[0]}"
        )
        kept = (
            f"{them} left out of classification."
            if excluded
            else f"{them} kept. Look at the images; set quality.exclude_flagged_plates: true to "
            f"leave {such} out of classification."
        )
        about = ", ".join(names[:_MAX_NAMES]) + (", ..." if len(names) > _MAX_NAMES else "")
        yield FAILED_PLATE, about, f"{subject}: {words}. {kept}"


def _class_warnings(
    balances: Mapping[str, flag_balance.Balance], excluded: bool
) -> Iterator[tuple[str, str, str]]:
    for what, balance in balances.items():
        words = flag_balance.describe(what.capitalize(), balance)
        if not words:
            continue
        left_out = excluded or not what.startswith("flagged ")
        yield (
            UNEVEN,
            what,
            f"{words} They are {'left out of' if left_out else 'kept in'} classification"
            + (", so that scores are those of the images that remain" if left_out else "")
            + ". Look at them. If they are good, relax the section quality or declare "
            "input.brightfield.",
        )


def _brightfield_warnings(
    suspected: Mapping[str, int], n_read: int, noun: str
) -> Iterator[tuple[str, str, str]]:
    for channel, sites in suspected.items():
        yield (
            BRIGHTFIELD,
            channel,
            f"Channel “{channel}” looks like brightfield in {sites:,} of {n_read:,} {noun}: dark "
            "objects on a bright background, or a grey relief. Its foreground is assumed to be "
            f"bright, so good {noun} can be flagged as empty. Set input.brightfield: [{channel}] "
            "if it is.",
        )
