"""Compute the frozen features of all units in one pass."""

from _job import start

start(snakemake.log[0])

from moascope import devices

options, compute = snakemake.params.options, snakemake.params.compute
device = devices.choose(compute["gpu"], compute["keras_backend"])

import pandas as pd

from moascope import backbones, features
from moascope.files import write_json, write_parquet

device = devices.confirm(compute["gpu"], device)
model = backbones.build(
    options["backbone"],
    options["weights"],
    options["input_size"],
    snakemake.params.channels,
    {"kind": options["channel_mapping"], "triple": options["triple"]},
    options["taps"],
    pooling=options["pooling"],
)
features.extract(
    model, snakemake.input.pixels, None, snakemake.output.features, views=options["views"]
)
units = pd.read_parquet(snakemake.input.units, columns=["unit_id"])
write_parquet(units, snakemake.output.index)
write_json({"backend": compute["keras_backend"], "device": device}, snakemake.output.device)
