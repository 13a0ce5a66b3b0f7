"""Check that the networks can be built as configured, at the start of a run."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.pipeline import devices

given, params = snakemake.input, snakemake.params
device = devices.choose(params.compute["gpu"], params.compute["keras_backend"])

from moascope.classification.training.options import Augmentation, read_network
from moascope.core.errors import InputError
from moascope.core.files import write_json
from moascope.core.options import restore
from moascope.pipeline import network_checks, versions
from moascope.preprocessing import units

device = devices.confirm(params.compute["gpu"], device)
image_shape = params.image_shape or network_checks.read_image_size(
    given.target or None, given.sites or None, params.channels[0], params.reading["axes"]
)
unit_shape = units.shape_of_units(image_shape, **params.units) if image_shape else None
checked = network_checks.check_networks(
    {name: read_network(options) for name, options in params.models.items()},
    params.channels,
    unit_shape,
    [restore(Augmentation, each) for each in params.augmentation],
)
engines = [
    network_checks.GivenEngine(name, path, **check)
    for path, (name, check) in zip(given.networks, params.engines.items(), strict=True)
]
problems = checked.problems + network_checks.check_given(engines, params.engine_channels)
if problems:
    raise InputError.collect(problems, "networks cannot be used as configured")
made_with = versions.computed_with(params.compute["keras_backend"], device)
write_json({**made_with, "warnings": checked.warnings}, snakemake.output[0])
