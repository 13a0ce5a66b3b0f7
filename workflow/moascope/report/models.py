"""Models in the report: figures, tables and misclassified units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from moascope.classification.evaluation.documents import ModelScores
from moascope.classification.heads.calibration import at_limit
from moascope.report import scores as report_scores
from moascope.report import verdicts, wording
from moascope.report.context import (
    Context,
    class_labels,
    class_order,
    shown_mistakes,
)
from moascope.report.figures import embedding as embedding_drawings
from moascope.report.figures import scores as figures
from moascope.report.quality import MAX_ROWS
from moascope.report.tiles import (
    Painter,
)
from moascope.report.wording import percent

NO_MAP = "Fewer than 3 units have features, too few for a map."


def model_section(context: Context, name: str, painter: Painter) -> dict[str, Any]:
    """Return the texts, tables, figures and tiles of a model for the template."""
    model = context.models[name]
    entry, history, embedding = model.evaluation, model.history, model.embedding
    counts = np.asarray(entry["details"]["confusion"]["unit"])
    return {
        "name": name,
        "config": model.config,
        "split": entry["split"],
        "row": report_scores.score_row("model", name, entry),
        "n": entry["n"],
        "units": wording.name_units(entry),
        "verdict": verdicts.judge(entry, words=painter.words),
        "exchanged": wording.name_exchanged(entry, painter.words),
        "null": entry["accuracy"].get("null"),
        "p": entry["accuracy"].get("p"),
        "p_reason": entry["accuracy"].get("p_reason"),
        "comparisons": report_scores.comparison_rows(entry),
        "places": report_scores.place_rows(entry),
        "selection": report_scores.selection_rows(entry),
        "confusions": confusion_figures(name, entry),
        "per_class": _per_class_rows(entry, counts),
        "compounds": compound_rows(model.predictions, context.units)
        if painter.words.has_plates
        else [],
        "folds": entry["details"]["folds"][:MAX_ROWS],
        "calibration": calibration_figure(name, entry),
        "calibration_words": describe_calibration(entry),
        "curves": None if history is None else curves_figure(name, history),
        "mistakes": _mistake_tiles(context, entry, painter),
        "n_mistakes": int(counts.sum() - counts.trace()),
        "embedding": embedding_figures(context, name),
        "n_embedding": 0 if embedding is None else len(embedding),
    }


def ensemble_sections(context: Context, painter: Painter) -> list[dict[str, Any]]:
    """Return the texts, the comparisons and the misread units of every ensemble.

    Parameters
    ----------
    context : Context
        From `context.load_context`.
    painter : Painter
        Draws the tiles.

    Returns
    -------
    list of dict
        For the template.
    """
    units = context.units.set_index("unit_id")
    sections = []
    for name, ensemble in context.ensembles.items():
        entry = ensemble.evaluation
        mistakes = entry["details"]["mistakes"]
        shown = [mistake for mistake in mistakes if mistake["unit_id"] in context.images]
        sections.append(
            {
                "name": name,
                "members": ensemble.config.members,
                "combine": ensemble.config.combine,
                "units": wording.name_units(entry),
                "n": entry["n"],
                "comparisons": report_scores.comparison_rows(entry),
                "n_mistakes": round((1 - (entry["accuracy"]["value"] or 0.0)) * entry["n"]),
                "mistakes": [
                    {
                        **painter.tile(mistake["unit_id"], units),
                        "true": mistake["moa"],
                        "called": mistake["predicted"],
                    }
                    for mistake in shown
                ],
            }
        )
    return sections


def confusion_figures(name: str, entry: ModelScores) -> list[dict[str, str]]:
    """Draw the confusion matrix of a model at every level that was scored.

    Parameters
    ----------
    name : str
        Of the model.
    entry : ModelScores
        Its scores.

    Returns
    -------
    list of dict
        title (the level) and svg; units first.
    """
    details = entry["details"]
    found = []
    for level in details["confusion"]:
        title = wording.name_units(entry, 1) if level == "unit" else level
        counts = np.asarray(details["confusion"][level])
        correct = percent(float(counts.trace() / max(1, counts.sum())))
        alt = (
            f"Confusion matrix of {name} by {title}: {correct} % of {counts.sum():,} are "
            f"correct. {_worst_confusions(counts, details['classes'])}"
        )
        svg = figures.confusion_matrix(counts, details["classes"], alt)
        found.append({"title": f"by {title}", "svg": svg})
    return found


def _worst_confusions(counts: npt.NDArray[Any], classes: Sequence[str], n: int = 3) -> str:
    wrong = counts * (1 - np.eye(len(counts), dtype=int))
    order = np.argsort(-wrong, axis=None, kind="stable")[:n]
    pairs = zip(*np.unravel_index(order, wrong.shape), strict=True)
    named = [
        f"{classes[true]} as {classes[called]} ({wrong[true, called]:,})"
        for true, called in pairs
        if wrong[true, called]
    ]
    return "Most frequent confusions: " + "; ".join(named) if named else "No confusions"


def _per_class_rows(entry: ModelScores, counts: npt.NDArray[Any]) -> list[dict[str, Any]]:
    classes = list(entry["details"]["classes"])
    wrong = counts * (1 - np.eye(len(counts), dtype=int))
    rows = []
    for index, name in enumerate(classes):
        scores = entry["per_class"][name]
        mostly, recall = int(wrong[index].argmax()), scores["recall"]
        rows.append(
            {
                "name": name,
                "n": scores["n"],
                "precision": percent(scores["precision"]),
                "f1": percent(scores["f1"]),
                "recall": wording.score(recall),
                "recall_share": float(recall["value"] or 0.0),
                "mostly": classes[mostly] if wrong[index, mostly] else "",
                "mostly_n": int(wrong[index, mostly]),
            }
        )
    return rows


def compound_rows(predictions: pd.DataFrame, units: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the calls of each compound, those with most errors first."""
    known = units.set_index("unit_id")[["compound", "treatment"]]
    table = predictions[["unit_id", "moa", "predicted"]].join(known, on="unit_id")
    table["right"] = table["moa"] == table["predicted"]
    rows: list[dict[str, Any]] = []
    for (compound, moa), calls in table.groupby(["compound", "moa"], sort=True):
        others = calls.loc[~calls["right"], "predicted"].value_counts()
        rows.append(
            {
                "compound": compound,
                "moa": moa,
                "n": int(calls["unit_id"].nunique()),
                "treatments": int(calls["treatment"].nunique()),
                "share": float(calls["right"].mean()),
                "mostly": str(others.index[0]) if len(others) else "",
                "mostly_share": percent(others.iloc[0] / len(calls), 0) if len(others) else "",
            }
        )
    return sorted(rows, key=lambda row: row["share"])[:MAX_ROWS]


def calibration_figure(name: str, entry: ModelScores) -> str:
    """Draw the reliability diagram of a model."""
    bins = pd.DataFrame(entry["details"]["reliability"]).astype(float)
    error = percent(entry["calibration_error"])
    alt = f"Reliability diagram of {name}: expected calibration error {error} %"
    return figures.reliability_diagram(bins["confidence"], bins["accuracy"], bins["n"], alt)


def curves_figure(name: str, history: pd.DataFrame) -> str:
    """Draw the training curves of a model."""
    folds = len(history[["repeat", "fold"]].drop_duplicates())
    return figures.training_curves(
        history, f"Training curves of {name}, {wording.count(folds, 'fold')}"
    )


def _mistake_tiles(context: Context, entry: ModelScores, painter: Painter) -> list[dict[str, Any]]:
    units = context.units.set_index("unit_id")
    tiles = []
    for mistake in shown_mistakes(entry):
        call = f"{mistake['predicted']}, {percent(mistake['confidence'], 0)} % confidence"
        tile = painter.tile(mistake["unit_id"], units)
        tile["alt"] += f": {mistake['moa']}, predicted {call}"
        tiles.append({**tile, "true": mistake["moa"], "called": call})
    return tiles


def embedding_figures(context: Context, name: str) -> list[dict[str, str]]:
    """Draw the embedding of a model.

    Parameters
    ----------
    context : Context
        From `context.load_context`.
    name : str
        Of the model.

    Returns
    -------
    list of dict
        caption and svg: principal components and t-SNE by class, t-SNE by batch or the first free
        group; fewer where there are too few units, none where there is no embedding.
    """
    embedding = context.models[name].embedding
    if embedding is None:
        return []
    words = context.options.words
    columns = ["batch"] if words.has_plates else list(context.options.groups)[:1]
    units = context.units.set_index("unit_id")[["moa", "role", *columns]]
    table = embedding.join(units, on="unit_id")
    labels = class_labels(table)
    shares = [f" ({percent(share, 0)} % of variance)" for share in embedding.attrs["explained"]]
    components = tuple(f"component {k + 1}{shares[k]}" for k in range(2))
    plots = [(f"Principal components, by {words.short}", "pca", components, labels)]
    if "tsne_1" in table:
        axes = ("t-SNE 1", "t-SNE 2")
        plots.append((f"t-SNE, by {words.short}", "tsne", axes, labels))
        plots += [(f"t-SNE, by {column}", "tsne", axes, table[column]) for column in columns]
    return [
        {
            "caption": caption,
            "svg": embedding_drawings.scatter_map(
                table[f"{kind}_1"],
                table[f"{kind}_2"],
                groups.tolist(),
                order=class_order(groups),
                labels=cast(tuple[str, str], axes),
                alt=f"{caption}: {len(table):,} units of model {name}",
            ),
        }
        for caption, kind, axes, groups in plots
    ]


def describe_calibration(entry: ModelScores) -> str:
    """Compare the confidence of a model with its accuracy, and describe its calibration."""
    gap = verdicts.overconfidence(entry)
    if abs(gap) < 0.02:
        text = "On average its confidence equals its accuracy."
    else:
        side = "above" if gap > 0 else "below"
        text = f"Its confidence is {side} its accuracy by {percent(abs(gap))} points on average."
    found = entry.get("calibration")
    if not found:
        return text
    calibrated, folds = found["calibrated_folds"], found["folds"]
    if calibrated:
        limit = ", at the limit of the search," if at_limit(found["temperature"]) else ""
        text += (
            f" Its logits were divided by a temperature, {found['temperature']:.2f} in the "
            f"median{limit or ','} "
            f"fitted in {calibrated:,} of {folds:,} folds to units outside training."
        )
    if calibrated < folds:
        which = "Those of the others" if calibrated else "Its probabilities"
        text += f" {which} are not calibrated: {found['reason']} (key `calibrate` of the head)."
    return text
