"""Compute the frozen features of all units in one pass."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.pipeline import devices

compute = snakemake.params.compute
device = devices.choose(compute["gpu"], compute["keras_backend"])

from moascope.classification import features
from moascope.core.files import read_array, read_tables, write_json, write_parquet
from moascope.core.options import restore
from moascope.networks import backbones
from moascope.networks.keras_defaults import keras
from moascope.networks.options import FrozenNetwork
from moascope.pipeline import versions

device = devices.confirm(compute["gpu"], device)
if snakemake.params.seed is not None:
    keras.utils.set_random_seed(snakemake.params.seed)
unit_shape = read_array(snakemake.input.pixels[0], mapped=True).shape[1:3]
options = restore(FrozenNetwork, snakemake.params.options)
model = backbones.build_extractor(options, snakemake.params.channels, unit_shape)
features.extract(
    model, snakemake.input.pixels, None, snakemake.output.features, views=options.views
)
write_json(
    [
        vars(block)
        for block in backbones.list_blocks(model, options.feature_layers, options.pooling)
    ],
    snakemake.output.columns,
)
units = read_tables(snakemake.input.units, ["unit_id"])
write_parquet(units, snakemake.output.index)
write_json(versions.computed_with(compute["keras_backend"], device), snakemake.output.device)
