"""Score simple classifiers on a split."""

from _job import start

start(snakemake.log[0])

import pandas as pd

from moascope import baselines, splits
from moascope.files import read_arrays, write_parquet

units = pd.read_parquet(snakemake.input.units)
folds = splits.folds(
    pd.read_parquet(snakemake.input.split), pd.read_parquet(snakemake.input.groups), units
)
predictions = baselines.run_baselines(
    read_arrays(snakemake.input.handmade),
    units,
    list(folds),
    snakemake.params.names,
    snakemake.params.seed,
)
named = [table.assign(baseline=name) for name, table in predictions.items()]
write_parquet(pd.concat(named, ignore_index=True), snakemake.output[0])
