"""Check that the networks can be built as configured, at the start of a run."""

from _job import start

start(snakemake.log[0])

from moascope import devices

params = snakemake.params
device = devices.choose(params.compute["gpu"], params.compute["keras_backend"])

import keras

from moascope import segmentation_training, summary, training
from moascope.errors import InputError
from moascope.files import write_json

device = devices.confirm(params.compute["gpu"], device)
problems = []
for name, options in params.models.items():
    try:
        training.check_model(options, params.channels, params.unit_size)
    except InputError as error:
        problems.append(f"models.{name}: {error}")
    keras.utils.clear_session()
for path, name in zip(snakemake.input.networks, params.given_unets, strict=True):
    try:
        segmentation_training.load(path, params.engine_channels)
    except InputError as error:
        problems.append(f"segmentation.engines.{name}: {error}")
if problems:
    raise InputError.collect(problems, "networks cannot be used as configured")
write_json(summary.computed_with(params.compute["keras_backend"], device), snakemake.output[0])
