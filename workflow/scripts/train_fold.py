"""Train the network of one fold and predict its test units."""

from _job import start

start(snakemake.log[0])

from pathlib import Path

from moascope import devices

given, params, output = snakemake.input, snakemake.params, snakemake.output
device = devices.choose(params.compute["gpu"], params.compute["keras_backend"])

from moascope import summary, training
from moascope.files import read_parquet, write_array, write_json, write_parquet
from moascope.folds import Task

device = devices.confirm(params.compute["gpu"], device)
task = Task.read(given.units, given.groups, given.split)
fold = task.folds[int(snakemake.wildcards.fold)]
done = training.fit_fold(
    *(given.pixels, task.labels, fold.rows, task.classes),
    *(params.channels, params.options, params.augmentation),
    seed=params.seed + fold.repeat,
    checkpoint=params.checkpoint,
    code=params.code,
)
statistics, about = read_parquet(given.statistics), dict(params.items())
model, unit_shape = done["model"], done["model"].input_shape[1:3]
training.save_classifier(
    model, output.model, task.classes, statistics, about, unit_shape=unit_shape
)
write_parquet(done["history"].assign(repeat=fold.repeat, fold=fold.fold), output.history)
write_array(done["embedding"], output.embedding)
write_json(summary.computed_with(params.compute["keras_backend"], device), output.device)
write_parquet(task.predictions(done["predictions"], fold), output.predictions)
Path(params.checkpoint).unlink(missing_ok=True)
