"""Score simple classifiers on a split."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

import pandas as pd

from moascope.classification import baseline_registry, baselines
from moascope.classification.labelled_units import Task
from moascope.core.files import read_parquet, write_parquet
from moascope.preprocessing import handcrafted_features
from moascope.profiling import cell_counts

given, params = snakemake.input, snakemake.params
task = Task.read(given.units, given.groups, given.split)
features = handcrafted_features.read_columns(given.described)
if any(baseline_registry.get(name).needs_cells for name in params.names):
    counts = read_parquet(given.counts)
    features[baseline_registry.CELL_COUNT] = cell_counts.features_of_units(task.units, counts)
predictions = baselines.run_baselines(features, task.units, task.folds, params.names, params.seed)
named = [table.assign(baseline=name) for name, table in predictions.items()]
write_parquet(pd.concat(named, ignore_index=True), snakemake.output[0])
