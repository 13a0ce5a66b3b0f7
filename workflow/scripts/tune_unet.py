"""Tune how objects are cut out of the maps of a U-Net, on the validation images."""

from _job import start

start(snakemake.log[0])

from moascope import devices

params = snakemake.params
device = devices.choose(params.compute["gpu"], params.compute["keras_backend"])

from moascope import engine_unet
from moascope.annotated import AnnotatedSet
from moascope.files import read_tables, write_parquet

devices.confirm(params.compute["gpu"], device)
with AnnotatedSet(snakemake.input.images, snakemake.input.table) as annotated:
    engine_unet.tune_saved(
        snakemake.input.networks,
        annotated,
        params.channels,
        params.options,
        snakemake.output.model,
    )
write_parquet(read_tables(snakemake.input.histories), snakemake.output.history)
