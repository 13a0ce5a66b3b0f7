"""Fit a linear head to classes that are permuted among the compounds."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.classification.evaluation import nulls
from moascope.classification.evaluation.levels import Design
from moascope.classification.heads.registry import read_options
from moascope.classification.labelled_units import Task
from moascope.core.files import read_array, write_parquet

given, params = snakemake.input, snakemake.params
task = Task.read(given.units, given.groups, given.split)
scores = nulls.refit_null(
    read_array(given.features, mapped=True),
    task.units,
    task.folds,
    read_options(params.head),
    how=params.aggregate,
    n=nulls.N_REFITS,
    seed=params.seed,
    design=Design(**params.design),
    exchanged=params.exchanged,
)
write_parquet(scores, snakemake.output[0])
