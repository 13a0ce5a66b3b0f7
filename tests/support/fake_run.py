"""A small made-up run: the files that the report reads, seeded, without any image analysis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from moascope.classification.evaluation import scoring
from moascope.classification.evaluation.options import Evaluation
from moascope.core.files import write_json, write_parquet
from moascope.pipeline import versions
from moascope.preprocessing import quality_review
from moascope.preprocessing.quality_measures.options import Quality
from moascope.report import context as report_context
from moascope.report import summary
from moascope.report.context import ModelFiles, ReportFiles, ScreenFiles, SplitFiles
from moascope.report.segmentation import SegmentationFiles

CHANNELS = ["DNA", "Actin", "Tubulin"]
MECHANISMS = {
    "Actin disruptors": ["cytochalasin B", "cytochalasin D", "latrunculin B"],
    "Aurora kinase inhibitors": ["AZ-A", "AZ258", "AZ841"],
    "DNA replication": ["camptothecin", "floxuridine", "methotrexate"],
    "Microtubule destabilizers": ["colchicine", "nocodazole", "vincristine"],
    "Microtubule stabilizers": ["docetaxel", "epothilone B", "taxol"],
    "Protein synthesis": ["cycloheximide", "anisomycin", "emetine"],
}
SIDE = 72


def configuration() -> dict[str, Any]:
    """Everything of a configuration that the report looks at."""
    audit = {"groups": ["field", "well"], "images": True, "min_correlation": 0.98}
    training = {"epochs": 20, "batch_size": 32, "optimizer": "adam"}
    base = {
        "backbone": "efficientnet-lite0",
        "weights": "imagenet",
        "features": ["network"],
        "candidates": {},
        "training": training,
    }
    return {
        "run": "fake",
        "seed": 1,
        "input": {
            "format": "table",
            "channels": {name: f"path_{name}" for name in CHANNELS},
            "plate_format": 96,
            "controls": ["DMSO"],
        },
        "quality": {"exclude_flagged": True},
        "normalization": {"steps": [{"method": "percentile", "scope": "image"}]},
        "units": {"size": None, "tiles": [1, 1]},
        "splits": {
            "loco": {"method": "leave-one-compound-out", "audit": audit},
            "plates": {"method": "leave-one-plate-out", "audit": audit},
        },
        "augmentation": [{"name": "flip"}, {"name": "quarter_turn"}, {"name": "channel_gain"}],
        "models": {
            "lite0": {**base, "split": "loco", "transfer": "frozen", "head": {"type": "lda"}},
            "lenet": {
                **base,
                "backbone": "lenet",
                "weights": "none",
                "split": "plates",
                "transfer": "full",
                "head": {"type": "mlp"},
            },
        },
        "evaluation": {
            "aggregate": "median",
            "permutations": 200,
            "confidence": 0.95,
            "calibration_bins": 10,
            "independent_unit": "auto",
        },
        "report": {"title": "Made-up screen", "max_examples": 6, "max_plates": 12},
        "compute": {"gpu": "auto", "keras_backend": "tensorflow"},
    }


def screen(rename: dict[str, str] | None = None) -> pd.DataFrame:
    """Units of two plates in two batches: 54 treated and 12 control wells each, two sites a well.

    `rename` gives compounds another name.
    """
    treated = [
        (compound, dose, moa)
        for moa, compounds in MECHANISMS.items()
        for compound in compounds
        for dose in (0.3, 1.0, 3.0)
    ]
    layout = [("DMSO", np.nan, "")] * 12 + treated
    rows = []
    for plate, batch in (("Week1_22123", "week 1"), ("Week2_24121", "week 2")):
        for index, (compound, dose, moa) in enumerate(layout):
            row, col = index % 6 + 1, index // 6 + 1
            well = f"{'ABCDEFGH'[row]}{col + 1:02d}"
            name = (rename or {}).get(compound, compound)
            for site in ("1", "2"):
                rows.append(
                    {
                        "unit_id": f"{plate}/{well}/{site}",
                        "site_id": f"{plate}/{well}/{site}",
                        "plate": plate,
                        "well": well,
                        "row": row,
                        "col": col,
                        "site": site,
                        "batch": batch,
                        "compound": name,
                        "concentration": dose,
                        "treatment": f"{name}@{dose:g}" if moa else name,
                        "moa": moa,
                        "role": "treated" if moa else "control",
                        "replicate": "1",
                        "field": f"{plate}/{well}/{site}",
                        "tile": 0,
                    }
                )
    units = pd.DataFrame(rows).sort_values(["plate", "row", "col", "site"], ignore_index=True)
    units["flagged"] = units["well"].isin(["B05", "D07", "G09"]) & (units["plate"] == "Week1_22123")
    units["usable"] = ~units["flagged"]
    return units


def quality_table(units: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Quality measures of every site; flagged ones are blurred, saturated and empty in turn."""
    n = len(units)
    table = {"site_id": units["site_id"]}
    reason = np.full(n, "", dtype=object)
    for position, name in (("B05", "out-of-focus"), ("D07", "saturated"), ("G09", "empty")):
        reason[(units["flagged"] & (units["well"] == position)).to_numpy()] = name
    for channel in CHANNELS:
        focus = 0.5 * np.exp(0.15 * rng.standard_normal(n))
        table[f"focus_slope:{channel}"] = -2 + 0.1 * rng.standard_normal(n)
        table[f"sharpness:{channel}"] = -1 + 0.1 * rng.standard_normal(n)
        table[f"focus_laplacian:{channel}"] = np.where(reason == "out-of-focus", 0.02, focus)
        table[f"saturated:{channel}"] = np.where(reason == "saturated", 0.09, 0.002 * rng.random(n))
        table[f"foreground:{channel}"] = np.where(
            reason == "empty", 0.004, 0.3 + 0.1 * rng.random(n)
        )
        for measure in ("p1", "p50", "p99", "mean", "sd"):
            table[f"{measure}:{channel}"] = 1000 * np.exp(0.2 * rng.standard_normal(n))
    read = {
        "status": "ok",
        "reason": "",
        "message": "",
        "height": SIDE,
        "width": SIDE,
        "pixel_size_um": 0.8,
    }
    return pd.DataFrame({**table, **read, "flagged": units["flagged"], "reasons": reason})


def pictures(units: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Round nuclei in cells whose size goes with the class; float16 (n, SIDE, SIDE, 3)."""
    grid = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    names = ["", *MECHANISMS]
    out = np.empty((len(units), SIDE, SIDE, 3), dtype=np.float16)
    for index, moa in enumerate(units["moa"]):
        centres = rng.uniform(6, SIDE - 6, (9, 2)).astype(np.float32)
        square = ((grid[:, None] - centres.T[:, :, None, None]) ** 2).sum(axis=0)
        size = 2.5 + 0.4 * names.index(moa)
        nuclei = np.exp(-square / (2 * size**2)).max(axis=0)
        bodies = np.exp(-square / (2 * (2.3 * size) ** 2)).max(axis=0)
        noise = 0.04 * rng.random((SIDE, SIDE, 3))
        stripes = 0.5 + 0.5 * np.sin(grid[0] / 1.5 + names.index(moa))
        out[index] = np.stack([nuclei, bodies * stripes, 0.7 * bodies], axis=-1) * 0.9 + noise
    return out


def predictions(
    units: pd.DataFrame, fold_column: str, skill: float, rng: np.random.Generator
) -> pd.DataFrame:
    """Test rows of a made-up model: the larger `skill`, the more often right."""
    table = units[(units["role"] == "treated") & units["usable"]].reset_index(drop=True)
    classes = sorted(MECHANISMS)
    truth = table["moa"].map(classes.index).to_numpy()
    easy = np.array([1.0, 0.9, 0.35, 0.8, 1.1, 0.9])
    hard = table["compound"].map(lambda name: 0.2 if name == "AZ841" else 1.0).to_numpy()
    scores = rng.standard_normal((len(table), len(classes)))
    scores[np.arange(len(table)), truth] += skill * easy[truth] * hard
    shares = np.exp(1.5 * scores) / np.exp(1.5 * scores).sum(axis=1, keepdims=True)
    fold, names = pd.factorize(table[fold_column], sort=True)
    result = pd.DataFrame(
        {
            "unit_id": table["unit_id"],
            "repeat": 0,
            "fold": fold,
            "fold_name": names.to_numpy()[fold],
            "moa": table["moa"],
            "predicted": np.array(classes, dtype=object)[shares.argmax(axis=1)],
        }
    )
    result[[f"p:{name}" for name in classes]] = shares
    return result


def split_tables(units: pd.DataFrame, column: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Leave one value of a column out per fold, and validate on the next but one."""
    labelled = units[(units["role"] == "treated") & units["usable"]]
    names = sorted(labelled[column].unique())
    rows = []
    for fold, name in enumerate(names):
        for number, group in enumerate(names):
            aside = len(names) > 2 and number == (fold + 2) % len(names)
            side = "test" if group == name else "validation" if aside else "train"
            rows.append((0, fold, name, group, side))
    table = pd.DataFrame(rows, columns=["repeat", "fold", "fold_name", "group", "set"])
    groups = pd.DataFrame({"unit_id": labelled["unit_id"], "group": labelled[column]})
    return table, groups


def history(folds: int, rng: np.random.Generator, epochs: int = 20) -> pd.DataFrame:
    """Training curves that fall and then overfit a little."""
    epoch = np.tile(np.arange(epochs), folds)
    fold = np.repeat(np.arange(folds), epochs)
    wobble = 0.05 * rng.standard_normal(len(epoch)) + 0.1 * rng.standard_normal(folds)[fold]
    loss = 1.8 * np.exp(-epoch / 5) + 0.05
    return pd.DataFrame(
        {
            "repeat": 0,
            "fold": fold,
            "epoch": epoch,
            "loss": loss,
            "accuracy": np.clip(1 - loss / 2, 0, 1),
            "val_loss": 1.6 * np.exp(-epoch / 4) + 0.4 + 0.01 * epoch + wobble,
            "val_accuracy": np.clip(0.85 - 0.7 * np.exp(-epoch / 4) + wobble / 4, 0, 1),
            "learning_rate": 1e-3,
        }
    )


def write(
    folder: Path, config: dict[str, Any] | None = None, rename: dict[str, str] | None = None
) -> tuple[ReportFiles, dict[str, Any]]:
    """Write the files of the run; return the paths for `context.load_context` and the config."""
    rng = np.random.default_rng(7)
    config = config or configuration()
    units = screen(rename)
    paths: dict[str, Any] = {
        name: folder / f"{name}.{ending}"
        for name, ending in (
            ("summary", "json"),
            ("quality", "parquet"),
            ("units", "parquet"),
            ("augmentation", "npy"),
        )
    }
    quality = quality_table(units, rng)
    write_parquet(quality, paths["quality"])
    write_parquet(units, paths["units"])
    pixels = pictures(units, rng)
    paths["pixels"] = []
    for plate in units["plate"].unique():
        paths["pixels"].append(folder / f"{plate}.npy")
        np.save(paths["pixels"][-1], pixels[(units["plate"] == plate).to_numpy()])
    shown = pixels[[10, 60, 120]]
    np.save(
        paths["augmentation"],
        np.stack([shown, shown[:, ::-1], shown[:, :, ::-1], shown.swapaxes(1, 2)], axis=1),
    )
    paths["splits"], paths["models"] = {}, {}
    audit = {
        "shared_groups": 0,
        "groups": {column: {"shared": 0, "examples": []} for column in ("field", "well")},
        "near_duplicates": {"pairs": 0, "found": 3, "examples": []},
        "overlaps": {"pairs": 0, "found": 1, "examples": []},
        "adjacent_crops": None,
        "dropped": [],
        "messages": [],
        "not_looked_at": [{"what": "adjacent crops", "reason": "no plate has two units"}],
        "passed": True,
        "reason": None,
    }
    for name, column in (("loco", "compound"), ("plates", "plate")):
        table, groups = split_tables(units, column)
        files = {key: folder / f"{name}.{key}" for key in ("table", "groups", "audit")}
        write_parquet(table, files["table"])
        write_parquet(groups, files["groups"])
        write_json(audit, files["audit"])
        paths["splits"][name] = SplitFiles(**files)
    scores = {}
    for name, column, skill in (("lite0", "compound", 3.4), ("lenet", "plate", 2.2)):
        files, scores[name] = _write_model(folder, name, (column, skill), units, config)
        paths["models"][name] = files
    inputs = {"plates": 2, "wells": 132, "sites": len(units), "images": 3 * len(units)}
    reviewed = quality_review.review(
        units,
        quality,
        units,
        CHANNELS,
        Quality(**config["quality"]),
        seed=config["seed"],
    )
    warnings = reviewed.pop("warnings")
    content = summary.build(
        config["run"],
        versions.environment([{"device": "CPU", "backend": "tensorflow"}], config["seed"]),
        inputs={**inputs, "digest": "5f3a9c" * 10},
        quality=summary.count_quality(quality) | reviewed,
        warnings=warnings,
        evaluations=scores,
        audits=dict.fromkeys(config["splits"], audit),
    )
    written = paths.pop("summary")
    write_json(content, written)
    files = ReportFiles(
        summary=written, screen=ScreenFiles(**paths), segmentation=SegmentationFiles(engines={})
    )
    return files, config


def _write_model(
    folder: Path,
    name: str,
    kind: tuple[str, float],
    units: pd.DataFrame,
    config: dict[str, Any],
) -> tuple[ModelFiles, dict[str, Any]]:
    column, skill = kind
    rng = np.random.default_rng(len(name))
    files: dict[str, Any] = {
        "evaluation": folder / f"{name}.json",
        "predictions": folder / f"{name}.parquet",
        "embedding": folder / f"{name}.embedding.npy",
        "embedding_index": folder / "units.parquet",
        "history": folder / f"{name}.history.parquet" if name == "lenet" else None,
    }
    table = predictions(units, column, skill, rng)
    write_parquet(table, files["predictions"])
    simple = {
        "majority": predictions(units, column, 0.0, rng),
        "channel-mean-sd": predictions(units, column, 1.0, rng),
        "hand-crafted": predictions(units, column, 1.9, rng),
    }
    split = config["models"][name]["split"]
    options = Evaluation.model_validate(config["evaluation"])
    entry = scoring.evaluate(
        table, units, options, baselines=simple, split=split, held_out=[column], seed=1
    )
    write_json(entry, files["evaluation"])
    if files["history"]:
        write_parquet(history(4, rng), files["history"])
    codes = units["moa"].map(["", *MECHANISMS].index).to_numpy()
    centres = rng.standard_normal((7, 24)) * 2
    shift = 0.8 * (units["batch"] == "week 2").to_numpy()[:, None]
    features = centres[codes] + rng.standard_normal((len(units), 24)) + shift
    np.save(files["embedding"], features.astype(np.float32))
    return ModelFiles(**files), entry


def context(folder: Path, **options: Any) -> report_context.Context:
    """Write the run and read it as the report does."""
    return report_context.load_context(*write(folder, **options))
