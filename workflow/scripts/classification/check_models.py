"""Check that the networks can be built as configured, at the start of a run."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

import logging

from moascope.pipeline import devices

params = snakemake.params
device = devices.choose(params.compute["gpu"], params.compute["keras_backend"])

from moascope.classification.training import augmentation, fine_tuning
from moascope.classification.training.options import Augmentation, read_network
from moascope.core.errors import InputError
from moascope.core.files import read_json, read_parquet, write_json
from moascope.core.named_functions import load_function
from moascope.core.options import restore
from moascope.images import readers
from moascope.networks.keras_defaults import keras
from moascope.pipeline import versions
from moascope.preprocessing import units
from moascope.segmentation.implementations.base import Job

device = devices.confirm(params.compute["gpu"], device)
image_shape = params.image_shape
if image_shape is None and snakemake.input.target:
    image_shape = read_json(snakemake.input.target)["size"]
elif image_shape is None:
    column = f"path:{params.channels[0]}"
    paths = read_parquet(snakemake.input.sites, [column])[column].tolist()
    image_shape = readers.common_size(paths, params.reading["axes"])
unit_shape = image_shape and units.shape_of_units(image_shape, **params.units)
problems, warnings = [], []
networks = {name: read_network(options) for name, options in params.models.items()}
augmentations = [restore(Augmentation, each) for each in params.augmentation]
for name, options in networks.items():
    try:
        fine_tuning.check_model(options, params.channels, unit_shape)
    except InputError as error:
        problems.append(f"models.{name}: {error}")
    warning = fine_tuning.size_warning(name, options, unit_shape)
    if warning:
        warnings.append(warning)
        logging.warning(warning["text"])
    keras.utils.clear_session()
if unit_shape and augmentations:
    try:
        augmentation.check(augmentations, unit_shape, len(params.channels))
    except InputError as error:
        problems.append(str(error))
for path, (name, engine) in zip(snakemake.input.networks, params.engines.items(), strict=True):
    given = Job({"model": path}, {}, params.engine_channels, engine["options"])
    try:
        load_function(engine["check"])(given)
    except InputError as error:
        problems.append(f"segmentation.engines.{name}: {error}")
if problems:
    raise InputError.collect(problems, "networks cannot be used as configured")
made_with = versions.computed_with(params.compute["keras_backend"], device)
write_json({**made_with, "warnings": warnings}, snakemake.output[0])
