"""Check that nothing stands on both sides of a split."""

from _job import start

start(snakemake.log[0])

from moascope import independence, leakage
from moascope.files import read_parquet, write_json

options = snakemake.params.options
images = leakage.reduce_images(snakemake.input.pixels) if options["images"] else None
audit = leakage.audit(
    read_parquet(snakemake.input.units),
    read_parquet(snakemake.input.split),
    read_parquet(snakemake.input.groups),
    options,
    images,
    held_out=independence.held_out_columns(snakemake.params.split),
    threads=snakemake.threads,
)
leakage.raise_if_leaking(audit, snakemake.wildcards.split, options["on_leak"])
write_json(audit, snakemake.output[0])
