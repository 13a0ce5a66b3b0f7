"""Score the predictions of a model and of the baselines."""

from _job import start

start(snakemake.log[0])

from moascope import evaluation
from moascope.files import read_parquet, write_json

params = snakemake.params
units = read_parquet(snakemake.input.units)
scores = evaluation.evaluate(
    read_parquet(snakemake.input.predictions),
    units,
    params.options,
    unit=params.unit,
    split=params.split,
    seed=params.seed,
)
tables = dict(list(read_parquet(snakemake.input.baselines).groupby("baseline", sort=False)))
scores["baselines"] = evaluation.evaluate_baselines(tables, units, params.options, seed=params.seed)
write_json(scores, snakemake.output[0])
