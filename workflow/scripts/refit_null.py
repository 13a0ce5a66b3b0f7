"""Fit a linear head to classes that are dealt out anew among the compounds."""

from _job import start

start(snakemake.log[0])

from moascope import evaluation
from moascope.files import read_array, write_parquet
from moascope.folds import Task
from moascope.levels import Design

given, params = snakemake.input, snakemake.params
task = Task.read(given.units, given.groups, given.split)
scores = evaluation.refit_null(
    read_array(given.features, mapped=True),
    task.units,
    task.folds,
    params.options["head"],
    how=params.aggregate,
    n=evaluation.N_REFITS,
    seed=params.seed,
    design=Design(**params.design),
    exchanged=params.exchanged,
)
write_parquet(scores, snakemake.output[0])
