"""Fit a head on frozen features, fold by fold."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.classification.heads import cross_validation
from moascope.classification.heads.registry import read_options
from moascope.classification.labelled_units import Task
from moascope.core.files import read_array, write_parquet
from moascope.core.options import restore
from moascope.splits import independence, inner_folds
from moascope.splits.options import Split

given, params = snakemake.input, snakemake.params
task = Task.read(given.units, given.groups, given.split)
features = read_array(given.features, mapped=True)
held_out = independence.held_out_columns(restore(Split, params.split))
predictions = cross_validation.fit_predict_folds(
    features,
    *task.names,
    task.folds,
    read_options(params.head),
    params.seed,
    inner_folds.inner_groups(task.units, task.members, held_out),
)
write_parquet(predictions, snakemake.output.predictions)
