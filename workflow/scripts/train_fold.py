"""Train the network of one fold and predict its test units."""

from _job import start

start(snakemake.log[0])

from pathlib import Path

from moascope import devices

params = snakemake.params
device = devices.choose(params.compute["gpu"], params.compute["keras_backend"])

import pandas as pd

from moascope import heads, splits, summary, training
from moascope.files import write_array, write_json, write_parquet

device = devices.confirm(params.compute["gpu"], device)
units = pd.read_parquet(snakemake.input.units)
split, groups = (pd.read_parquet(snakemake.input[name]) for name in ("split", "groups"))
fold = list(splits.folds(split, groups, units))[int(snakemake.wildcards.fold)]
classes, labels = heads.class_indices(units, groups)
done = training.fit_fold(
    snakemake.input.pixels,
    labels,
    {"train": fold.train, "validation": fold.validation, "test": fold.test},
    classes,
    params.channels,
    params.options,
    params.augmentation,
    seed=params.seed + fold.repeat,
    checkpoint=params.checkpoint,
)
table = heads.prediction_table(
    units["unit_id"].to_numpy(), units["moa"].to_numpy(), done["predictions"], classes, fold
)
history = done["history"].assign(repeat=fold.repeat, fold=fold.fold)
write_parquet(history, snakemake.output.history)
write_array(done["embedding"], snakemake.output.embedding)
training.save_classifier(
    done["model"],
    snakemake.output.model,
    classes,
    pd.read_parquet(snakemake.input.statistics),
    dict(params.items()),
)
write_json(summary.computed_with(params.compute["keras_backend"], device), snakemake.output.device)
write_parquet(table, snakemake.output.predictions)
Path(params.checkpoint).unlink(missing_ok=True)
