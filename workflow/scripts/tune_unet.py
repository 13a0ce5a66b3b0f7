"""Tune how objects are cut out of the maps of a U-Net, on the validation images."""

from _job import start

start(snakemake.log[0])

from moascope import devices

params = snakemake.params
device = devices.choose(params.compute["gpu"], params.compute["keras_backend"])

import pandas as pd

from moascope import engine_unet
from moascope.annotated import AnnotatedSet
from moascope.files import write_parquet

devices.confirm(params.compute["gpu"], device)
with AnnotatedSet(snakemake.input.images, snakemake.input.table) as annotated:
    engine_unet.tune_saved(
        snakemake.input.networks,
        annotated,
        params.channels,
        params.options,
        snakemake.output.model,
    )
tables = map(pd.read_parquet, snakemake.input.histories)
curves = [table.assign(member=member) for member, table in enumerate(tables)]
write_parquet(pd.concat(curves, ignore_index=True), snakemake.output.history)
