"""Train the network of one fold and predict its test units."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from pathlib import Path

from moascope.pipeline import devices

given, params, output = snakemake.input, snakemake.params, snakemake.output
device = devices.choose(params.compute["gpu"], params.compute["keras_backend"])

from moascope.classification import saved_model
from moascope.classification.labelled_units import Task
from moascope.classification.training import fine_tuning
from moascope.classification.training.options import Augmentation, FineTuning
from moascope.core.files import read_parquet, write_array, write_json, write_parquet
from moascope.core.options import restore
from moascope.networks.training.callbacks import log_to_tensorboard
from moascope.pipeline import versions

device = devices.confirm(params.compute["gpu"], device)
task = Task.read(given.units, given.groups, given.split)
fold = task.folds[int(snakemake.wildcards.fold)]
options = restore(FineTuning, params.options)
trained = fine_tuning.fit_fold(
    given.pixels,
    task.labels,
    fold.rows,
    task.classes,
    params.channels,
    options,
    [restore(Augmentation, each) for each in params.augmentation],
    seed=params.seed + fold.repeat,
    checkpoint=params.checkpoint,
    code=params.code,
    callbacks=log_to_tensorboard(params.tensorboard) if options.training.tensorboard else (),
)
saved_model.save_classifier(
    trained.model,
    output.model,
    task.classes,
    read_parquet(given.statistics),
    dict(params.items()),
    unit_shape=trained.model.input_shape[1:3],
)
write_parquet(trained.history.assign(repeat=fold.repeat, fold=fold.fold), output.history)
write_array(trained.embedding, output.embedding)
write_json(versions.computed_with(params.compute["keras_backend"], device), output.device)
write_parquet(task.predictions(trained.predictions, fold), output.predictions)
Path(params.checkpoint).unlink(missing_ok=True)
