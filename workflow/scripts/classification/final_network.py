"""Train a network on all labelled units, for as many epochs as suited the folds, and save it."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from pathlib import Path

from moascope.pipeline import devices

given, params = snakemake.input, snakemake.params
device = devices.choose(params.compute["gpu"], params.compute["keras_backend"])

from moascope.classification import predictions, saved_model
from moascope.classification.training import fine_tuning
from moascope.classification.training.options import Augmentation, FineTuning
from moascope.core.files import read_parquet
from moascope.core.options import restore
from moascope.networks.training.callbacks import log_to_tensorboard

devices.confirm(params.compute["gpu"], device)
classes, labels = predictions.class_indices(read_parquet(given.units), read_parquet(given.groups))
options = restore(FineTuning, params.options)
model = fine_tuning.fit_all(
    given.pixels,
    labels,
    classes,
    params.channels,
    options,
    [restore(Augmentation, each) for each in params.augmentation],
    read_parquet(given.history),
    seed=params.seed,
    checkpoint=params.checkpoint,
    code=params.code,
    callbacks=log_to_tensorboard(params.tensorboard) if options.training.tensorboard else (),
)
saved_model.save_classifier(
    model,
    snakemake.output[0],
    classes,
    read_parquet(given.statistics),
    dict(params.items()),
    unit_shape=model.input_shape[1:3],
)
Path(params.checkpoint).unlink(missing_ok=True)
