"""Measure the objects of one plate."""

from _job import start

start(snakemake.log[0])

from moascope import measuring, quality
from moascope.files import read_parquet

given, params = snakemake.input, snakemake.params
ingested = read_parquet(given.ingested)
flagged = quality.flag(ingested[ingested["status"] == "ok"], params.quality)
measuring.measure_plate(
    given.store, given.labels, flagged, snakemake.output[0], objects=params.objects
)
