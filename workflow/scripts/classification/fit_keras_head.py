"""Train a multilayer perceptron on frozen features, fold by fold."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from pathlib import Path

from moascope.pipeline import devices

given, params, output = snakemake.input, snakemake.params, snakemake.output
device = devices.choose(params.compute["gpu"], params.compute["keras_backend"])

from moascope.classification.heads.kinds.mlp import MlpOptions
from moascope.classification.labelled_units import Task
from moascope.classification.training import perceptron
from moascope.classification.training.options import Training
from moascope.core.files import read_array, write_json, write_parquet
from moascope.core.options import restore
from moascope.networks.training.callbacks import log_to_tensorboard
from moascope.pipeline import versions

device = devices.confirm(params.compute["gpu"], device)
task = Task.read(given.units, given.groups, given.split)
checkpoints = [Path(params.checkpoint.format(fold=fold)) for fold in range(len(task.folds))]
training = restore(Training, params.training)


def make_callbacks(fold):
    is_logged = training.tensorboard
    return log_to_tensorboard(params.tensorboard.format(fold=fold)) if is_logged else ()


predictions, history = perceptron.fit_mlp_folds(
    read_array(given.features, mapped=True),
    task,
    MlpOptions.model_validate(params.head),
    training,
    seed=params.seed,
    checkpoints=checkpoints,
    code=params.code,
    callbacks=make_callbacks,
)
write_parquet(predictions, output.predictions)
write_parquet(history, output.history)
write_json(versions.computed_with(params.compute["keras_backend"], device), output.device)
for checkpoint in checkpoints:
    checkpoint.unlink(missing_ok=True)
