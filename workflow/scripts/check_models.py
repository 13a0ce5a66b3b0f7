"""Check that the networks can be built as configured, before any image is read."""

from _job import start

start(snakemake.log[0])

from moascope import devices

params = snakemake.params
device = devices.choose(params.compute["gpu"], params.compute["keras_backend"])

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
for path in snakemake.input.networks:
    try:
        segmentation_training.load(path, params.engine_channels)
    except InputError as error:
        problems.append(str(error))
if problems:
    raise InputError.collect(problems, "networks cannot be used as configured")
write_json(summary.computed_with(params.compute["keras_backend"], device), snakemake.output[0])
