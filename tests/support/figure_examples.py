"""One small figure of every kind."""

from xml.etree import ElementTree

import numpy as np
import pandas as pd

from moascope.report.figures import embedding, plate_map, scores, splits
from moascope.report.figures.scores import ForestRow
from moascope.screen.wells import PLATE_SHAPES

CLASSES = ["Actin disruptors", "DNA damage", "<script>alert(1)</script> $x^2$ & co"]


def wells(plate_format=96):
    rows, columns = np.indices(PLATE_SHAPES[plate_format]).reshape(2, -1)
    value = np.linspace(0, 6, len(rows))
    return pd.DataFrame({"row": rows, "col": columns, "value": value, "flagged": value > 5.9})


def plate(table, plate_format=96, **options):
    options = {"limits": (0.0, 6.0), "tick_format": ".0f", "alt": "Plate", **options}
    return plate_map.plate_map(table, plate_format, "Blur", **options)


def history(epochs=5):
    folds = pd.MultiIndex.from_product([[0], range(3), range(epochs)]).to_frame(index=False)
    folds.columns = ["repeat", "fold", "epoch"]
    return folds.assign(loss=1.0, accuracy=0.5, val_loss=1.1, val_accuracy=0.4)


EXAMPLES = {
    "forest": lambda: scores.accuracy_forest(
        [
            ForestRow("split loco", "heading", {}),
            ForestRow(CLASSES[2], "model", {"accuracy": (0.9, 0.85, 0.95)}),
            ForestRow("majority", "baseline", {"accuracy": (0.2, float("nan"), float("nan"))}),
        ],
        ["accuracy"],
        "Accuracy",
    ),
    "confusion": lambda: scores.confusion_matrix([[9, 1, 0], [2, 7, 1], [0, 0, 0]], CLASSES, "C"),
    "reliability": lambda: scores.reliability_diagram(
        [0.4, np.nan, 0.9], [0.3, np.nan, 0.95], [10, 0, 90], "R"
    ),
    "curves": lambda: scores.training_curves(history(), "T"),
    "scatter": lambda: embedding.scatter_map(
        [0, 1, 2], [2, 1, 0], CLASSES, order=CLASSES, labels=("a", "b"), alt="S"
    ),
    "split": lambda: splits.split_picture(
        [["test", "train"], ["validation", ""]], CLASSES[:2], 2, CLASSES[:2], "P"
    ),
    "bars": lambda: splits.split_bars(
        pd.DataFrame({"train": [5], "validation": [0], "test": [2]}, index=["fold"]), "B"
    ),
    "plate": lambda: plate(wells()),
}


def texts(svg):
    root = ElementTree.fromstring(svg)
    return [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]


def contrast(one, other):
    def luminance(colour):
        channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(
            channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
        )
        return float(linear @ [0.2126, 0.7152, 0.0722])

    high, low = sorted([luminance(one), luminance(other)], reverse=True)
    return (high + 0.05) / (low + 0.05)
