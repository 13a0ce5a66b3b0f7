"""Choose features and a head within the training units of every fold; predict its test units."""

from _job import start

start(snakemake.log[0])

from moascope import feature_columns, independence, inner_folds, selection
from moascope.files import read_array, write_parquet
from moascope.folds import Task

given, params = snakemake.input, snakemake.params
task = Task.read(given.units, given.groups, given.split)
features = read_array(given.features, mapped=True)
blocks = feature_columns.read_blocks(given.columns or None)
predictions, choices = selection.fit_predict_folds(
    features,
    *task.names,
    task.folds,
    selection.candidates_of(params.candidates, blocks, features.shape[1]),
    inner_folds.inner_groups(task.units, task.members, independence.held_out_columns(params.split)),
    params.seed,
)
write_parquet(predictions, snakemake.output.predictions)
write_parquet(choices, snakemake.output.selection)
