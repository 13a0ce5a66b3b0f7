"""Fit a head on frozen features, fold by fold."""

from _job import start

start(snakemake.log[0])

from moascope import heads, independence, inner_folds
from moascope.files import read_array, write_parquet
from moascope.folds import Task

given, params = snakemake.input, snakemake.params
task = Task.read(given.units, given.groups, given.split)
features = read_array(given.features, mapped=True)
held_out = independence.held_out_columns(params.split)
predictions = heads.fit_predict_folds(
    features,
    *task.names,
    task.folds,
    params.options["head"],
    params.seed,
    inner_folds.inner_groups(task.units, task.members, held_out),
)
write_parquet(predictions, snakemake.output.predictions)
