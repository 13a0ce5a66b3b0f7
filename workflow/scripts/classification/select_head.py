"""Choose features and a head within the training units of every fold; predict its test units."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.classification import selection
from moascope.classification.labelled_units import Task
from moascope.core.files import read_array, write_parquet
from moascope.core.options import restore
from moascope.networks import feature_columns
from moascope.splits import independence, inner_folds
from moascope.splits.options import Split

given, params = snakemake.input, snakemake.params
task = Task.read(given.units, given.groups, given.split)
features = read_array(given.features, mapped=True)
blocks = feature_columns.read_blocks(given.columns or None)
held_out = independence.held_out_columns(restore(Split, params.split))
predictions, choices = selection.fit_predict_folds(
    features,
    *task.names,
    task.folds,
    selection.candidates_of(selection.read_choices(params.candidates), blocks, features.shape[1]),
    inner_folds.inner_groups(task.units, task.members, held_out),
    params.seed,
)
write_parquet(predictions, snakemake.output.predictions)
write_parquet(choices, snakemake.output.selection)
