"""Fit a head on frozen features, fold by fold."""

from _job import start

start(snakemake.log[0])

import numpy as np
import pandas as pd

from moascope import heads, splits
from moascope.files import write_parquet

units = pd.read_parquet(snakemake.input.units)
folds = splits.folds(
    pd.read_parquet(snakemake.input.split), pd.read_parquet(snakemake.input.groups), units
)
predictions = heads.fit_predict_folds(
    np.load(snakemake.input.features, mmap_mode="r"),
    units["unit_id"].to_numpy(),
    units["moa"].to_numpy(),
    folds,
    snakemake.params.options["head"],
    snakemake.params.seed,
)
write_parquet(predictions, snakemake.output.predictions)
