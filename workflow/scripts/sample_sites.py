"""Choose some sites of every plate, and keep what the report shows of them."""

from _job import start

start(snakemake.log[0])

from moascope import site_samples
from moascope.files import read_parquet

given, params = snakemake.input, snakemake.params
site_samples.write(
    read_parquet(given.counts),
    read_parquet(given.quality, ["site_id", "flagged", "reasons"]),
    dict(zip(params.plates, zip(given.stores, given.labels, strict=True), strict=True)),
    params.channel,
    params.objects,
    snakemake.output.pictures,
    snakemake.output.table,
)
