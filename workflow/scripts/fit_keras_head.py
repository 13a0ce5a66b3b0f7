"""Train a multilayer perceptron on frozen features, fold by fold."""

from _job import start

start(snakemake.log[0])

from pathlib import Path

from moascope import devices

params = snakemake.params
device = devices.choose(params.compute["gpu"], params.compute["keras_backend"])

import numpy as np
import pandas as pd

from moascope import heads, splits, summary, training
from moascope.files import write_json, write_parquet

device = devices.confirm(params.compute["gpu"], device)
units = pd.read_parquet(snakemake.input.units)
split, groups = (pd.read_parquet(snakemake.input[name]) for name in ("split", "groups"))
features = np.load(snakemake.input.features, mmap_mode="r")
classes, labels = heads.class_indices(units, groups)
names, moa = units["unit_id"].to_numpy(), units["moa"].to_numpy()
tables, histories, checkpoints = [], [], []
for number, fold in enumerate(splits.folds(split, groups, units)):
    checkpoints.append(Path(params.checkpoint.format(fold=number)))
    done = training.fit_mlp(
        features,
        labels,
        {"train": fold.train, "validation": fold.validation, "test": fold.test},
        classes,
        params.options["head"],
        params.options["training"],
        seed=params.seed + fold.repeat,
        checkpoint=checkpoints[-1],
    )
    tables.append(heads.prediction_table(names, moa, done["predictions"], classes, fold))
    histories.append(done["history"].assign(repeat=fold.repeat, fold=fold.fold))
write_parquet(pd.concat(tables, ignore_index=True), snakemake.output.predictions)
write_parquet(pd.concat(histories, ignore_index=True), snakemake.output.history)
write_json(summary.computed_with(params.compute["keras_backend"], device), snakemake.output.device)
for checkpoint in checkpoints:
    checkpoint.unlink(missing_ok=True)
