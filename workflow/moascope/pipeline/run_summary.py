"""Contents of summary.json: the numbers of a run for a program, unrounded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from moascope import __version__
from moascope.pipeline.versions import versions


def count_quality(quality: pd.DataFrame) -> dict[str, Any]:
    """Count flagged sites, in all and by reason.

    Parameters
    ----------
    quality : pandas.DataFrame
        The quality table of the screen: status, flagged (bool, missing where a site could not be
        read), reasons (";"-joined).

    Returns
    -------
    dict
        measured_sites, quarantined_sites, quarantined_reasons (how many are missing and how many
        unreadable), flagged_sites, and reasons: how many sites have each (a
        site may have several).
    """
    unread = quality["status"] == "quarantined"
    flagged = quality["flagged"].eq(True)
    reasons = quality.loc[flagged, "reasons"].str.split(";").explode().str.strip()
    return {
        "measured_sites": int((~unread).sum()),
        "quarantined_sites": int(unread.sum()),
        "quarantined_reasons": _counts(quality.loc[unread, "reason"]),
        "flagged_sites": int(flagged.sum()),
        "reasons": _counts(reasons[reasons != ""]),
    }


def _counts(values: pd.Series) -> dict[str, int]:
    counts = values.value_counts()
    return {str(name): int(counts[name]) for name in sorted(counts.index)}


def build(
    run: str,
    environment: Mapping[str, Any],
    *,
    inputs: Mapping[str, Any] | None = None,
    quality: Mapping[str, Any] | None = None,
    evaluations: Mapping[str, Mapping[str, Any]] | None = None,
    audits: Mapping[str, Mapping[str, Any]] | None = None,
    segmentations: Mapping[str, Mapping[str, Any]] | None = None,
    cells: Mapping[str, Any] | None = None,
    warnings: Sequence[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """Build the contents of summary.json.

    Parameters
    ----------
    run : str
        Name of the run.
    environment : mapping
        versions, backend, device, seed, workflow_version.
    inputs : mapping, optional
        Counts and digest of the input, see `site_table.summarise` and `site_table.digest`.
    quality : mapping, optional
        See `count_quality`.
    evaluations : mapping of str to mapping, optional
        By model; ``details``, which only the report needs, are left out.
    audits : mapping of str to mapping, optional
        Result of the leakage audit by split.
    segmentations : mapping of str to mapping, optional
        By engine, see `scores.score`.
    cells : mapping, optional
        Counts of the objects of a screen, see `cell_counts.count_plates`.
    warnings : sequence of mapping
        Warnings for readers, with id, about and text.

    Returns
    -------
    dict
        JSON-ready. Unknown values (None or NaN) and empty sections are absent; nothing is rounded.
    """
    content = {
        "run": run,
        "inputs": inputs or {},
        "quality": quality or {},
        "classification": {
            name: {key: value for key, value in entry.items() if key != "details"}
            for name, entry in (evaluations or {}).items()
        },
        "segmentation": segmentations or {},
        "cells": cells or {},
        "warnings": list(warnings) or None,
        "leakage_audit": audits or {},
        "environment": environment,
    }
    known: dict[str, Any] = _known(content)
    return known


def environment(devices: Sequence[Mapping[str, Any]], seed: int) -> dict[str, Any]:
    """Return versions, backend and device of a run.

    Parameters
    ----------
    devices : sequence of mapping
        A note of every job that used a network: device (in words), backend, and versions of the
        packages of its environment, which may be another than that of the report.
    seed : int
        The seed of the configuration.

    Returns
    -------
    dict
        versions, backend and device (joined where jobs differ, absent where no job used a
        network), seed and workflow_version.
    """
    found = versions()
    for note in devices:
        found.update(note.get("versions", {}))
    content: dict[str, Any] = {"versions": dict(sorted(found.items()))}
    for key in ("backend", "device"):
        values = sorted({str(note[key]) for note in devices if note.get(key)})
        if values:
            content[key] = "; ".join(values)
    content["seed"] = seed
    content["workflow_version"] = __version__
    return content


def _known(value: Any) -> Any:
    """Return a value without entries that are None or NaN, with plain numbers.

    A null with a `reason` in the same entry stays.
    """
    if isinstance(value, Mapping):
        cleaned = {str(key): _known(item) for key, item in value.items() if item != {}}
        explained = "reason" in cleaned or "p_reason" in cleaned
        return {
            key: item
            for key, item in cleaned.items()
            if (item is not None or explained) and item != {}
        }
    if isinstance(value, list | tuple):
        return [_known(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
