"""Train a multilayer perceptron on frozen features, fold by fold."""

from _job import start

start(snakemake.log[0])

from pathlib import Path

from moascope import devices

given, params, output = snakemake.input, snakemake.params, snakemake.output
device = devices.choose(params.compute["gpu"], params.compute["keras_backend"])

from moascope import summary, training
from moascope.files import read_array, write_json, write_parquet
from moascope.folds import Task

device = devices.confirm(params.compute["gpu"], device)
task = Task.read(given.units, given.groups, given.split)
checkpoints = [Path(params.checkpoint.format(fold=fold)) for fold in range(len(task.folds))]
predictions, history = training.fit_mlp_folds(
    *(read_array(given.features, mapped=True), task, params.options),
    seed=params.seed,
    checkpoints=checkpoints,
    code=params.code,
)
write_parquet(predictions, output.predictions)
write_parquet(history, output.history)
write_json(summary.computed_with(params.compute["keras_backend"], device), output.device)
for checkpoint in checkpoints:
    checkpoint.unlink(missing_ok=True)
