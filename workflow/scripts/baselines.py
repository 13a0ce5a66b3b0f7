"""Score simple classifiers on a split."""

from _job import start

start(snakemake.log[0])

import pandas as pd

from moascope import baselines, cell_counts, handmade, splits
from moascope.files import write_parquet

units = pd.read_parquet(snakemake.input.units)
folds = splits.folds(
    pd.read_parquet(snakemake.input.split), pd.read_parquet(snakemake.input.groups), units
)
features = handmade.read_columns(snakemake.input.described)
if "cell-count" in snakemake.params.names:
    counts = pd.read_parquet(snakemake.input.counts)
    features["cell-count"] = cell_counts.features_of_units(units, counts)
predictions = baselines.run_baselines(
    features,
    units,
    list(folds),
    snakemake.params.names,
    snakemake.params.seed,
)
named = [table.assign(baseline=name) for name, table in predictions.items()]
write_parquet(pd.concat(named, ignore_index=True), snakemake.output[0])
