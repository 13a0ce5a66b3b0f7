"""Fit a linear head to mechanisms that are dealt out anew among the compounds."""

from _job import start

start(snakemake.log[0])

import numpy as np

from moascope import evaluation
from moascope.files import write_parquet
from moascope.folds import Task

given, params = snakemake.input, snakemake.params
task = Task.read(given.units, given.groups, given.split)
scores = evaluation.refit_null(
    np.load(given.features, mmap_mode="r"),
    task.units,
    task.folds,
    params.options["head"],
    how=params.aggregate,
    n=evaluation.N_REFITS,
    seed=params.seed,
)
write_parquet(scores, snakemake.output[0])
