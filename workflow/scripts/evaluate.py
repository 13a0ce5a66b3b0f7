"""Score the predictions of a model and of the baselines."""

from _job import start

start(snakemake.log[0])

import pandas as pd

from moascope import evaluation
from moascope.files import write_json

params = snakemake.params
units = pd.read_parquet(snakemake.input.units)
scores = evaluation.evaluate(
    pd.read_parquet(snakemake.input.predictions),
    units,
    params.options,
    unit=params.unit,
    split=params.split,
    seed=params.seed,
)
tables = dict(list(pd.read_parquet(snakemake.input.baselines).groupby("baseline", sort=False)))
scores["baselines"] = evaluation.evaluate_baselines(tables, units, params.options, seed=params.seed)
write_json(scores, snakemake.output[0])
