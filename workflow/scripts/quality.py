"""Measure the quality of every site of a plate and flag the bad ones."""

from _job import start

start(snakemake.log[0])

from moascope import quality
from moascope.files import write_parquet
from moascope.stores import PlateStore

with PlateStore(snakemake.input.store) as store:
    measured = quality.measure_plate(store)
write_parquet(quality.flag(measured, snakemake.params.options), snakemake.output[0])
