"""Details of an evaluation for the report: confusion, reliability, folds and mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pandas as pd

from moascope.classification import layout
from moascope.classification.evaluation.codes import encode, look_up
from moascope.classification.evaluation.documents import FoldScores, Mistake, ReliabilityBin
from moascope.classification.evaluation.frame import Frame
from moascope.classification.evaluation.scores import json_number, reliability_of
from moascope.core.statistics import metrics

_N_MISTAKES = 48


_LAYOUT = {"plate", "well", "batch", "row", "col", "moa"}


def measure_confounding(
    members: pd.DataFrame, frame: Frame, held_out: Sequence[str]
) -> dict[str, layout.PlaceAssociation]:
    """Measure how closely class and place go together, and mark the free groups held out.

    The result is empty for units without a place on a plate.
    """
    if not set(members.columns) >= _LAYOUT:
        return {}
    found = layout.association(members, frame.design)
    for name in set(frame.design.groups) & set(held_out):
        found[name]["held_out"] = True
    return found


def count_compounds(table: pd.DataFrame, frame: Frame) -> dict[str, int]:
    """Count the compounds of every class that were tested; empty without plates."""
    if not frame.design.has_plates:
        return {}
    counts = frame.compounds(table, "unit").groupby("moa")["compound"].nunique()
    return {str(name): int(n) for name, n in counts.items()}


def count_confusions(predictions: pd.DataFrame) -> list[list[int]]:
    """Count units by true (rows) and predicted (columns) class, in the order of the classes."""
    codes = encode(predictions)
    counts = metrics.confusion_matrix(codes.truth, codes.predicted, len(codes.classes))
    return counts.tolist()


def list_reliability(predictions: pd.DataFrame, bins: int) -> list[ReliabilityBin]:
    """List the bins of the reliability of all calls."""
    result = reliability_of(encode(predictions), np.ones(len(predictions), dtype=bool), bins)
    return [
        {
            "lower": float(lower),
            "upper": float(upper),
            "n": int(n),
            "confidence": json_number(confidence),
            "accuracy": json_number(accuracy),
        }
        for lower, upper, n, confidence, accuracy in zip(*result, strict=True)
    ]


def list_folds(predictions: pd.DataFrame) -> list[FoldScores]:
    """List size and accuracy of every fold."""
    right = predictions["moa"] == predictions["predicted"]
    grouped = predictions.assign(right=right).groupby(["repeat", "fold", "fold_name"])["right"]
    return cast(list[FoldScores], _records(grouped.agg(n="size", accuracy="mean").reset_index()))


def list_mistakes(predictions: pd.DataFrame, frame: Frame) -> list[Mistake]:
    """List the wrong calls with the largest probability, at most 48."""
    wrong = predictions[predictions["moa"] != predictions["predicted"]]
    codes = encode(wrong)
    confidence = np.take_along_axis(codes.probabilities, codes.predicted[:, None], axis=1)[:, 0]
    order = np.argsort(-confidence, kind="stable")[:_N_MISTAKES]
    chosen = wrong.iloc[order].reset_index(drop=True)
    places = ["plate", "well", "treatment"] if frame.design.has_plates else [*frame.design.groups]
    where = look_up(chosen, frame.units, places)
    table = pd.concat([chosen[["unit_id", "moa", "predicted", "fold_name"]], where], axis=1)
    table["confidence"] = confidence[order]
    return cast(list[Mistake], _records(table))


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as dictionaries."""
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]
