"""Score simple classifiers on a split."""

from _job import start

start(snakemake.log[0])

import pandas as pd

from moascope import baselines, cell_counts, handmade
from moascope.files import read_parquet, write_parquet
from moascope.folds import Task

given, params = snakemake.input, snakemake.params
task = Task.read(given.units, given.groups, given.split)
features = handmade.read_columns(given.described)
if "cell-count" in params.names:
    counts = read_parquet(given.counts)
    features["cell-count"] = cell_counts.features_of_units(task.units, counts)
predictions = baselines.run_baselines(features, task.units, task.folds, params.names, params.seed)
named = [table.assign(baseline=name) for name, table in predictions.items()]
write_parquet(pd.concat(named, ignore_index=True), snakemake.output[0])
