"""Score the predictions of a model beside the baselines."""

from _job import start

start(snakemake.log[0])

import pandas as pd

from moascope import evaluation
from moascope.files import write_json

given, params = snakemake.input, snakemake.params
baselines = pd.read_parquet(given.baselines)
scores = evaluation.evaluate(
    pd.read_parquet(given.predictions),
    pd.read_parquet(given.units),
    params.options,
    baselines=dict(list(baselines.groupby("baseline", sort=False))),
    models={
        name: pd.read_parquet(path)
        for name, path in zip(params.others, given.get("others", []), strict=True)
    },
    refits=pd.read_parquet(given.null) if given.get("null") else None,
    unit=params.unit,
    split=params.split,
    held_out=params.held_out,
    seed=params.seed,
)
write_json(scores, snakemake.output[0])
