"""Read the images of one plate into its store."""

from _job import start

start(snakemake.log[0])

import pandas as pd

from moascope.files import write_parquet
from moascope.stores import ingest_plate

table = ingest_plate(
    pd.read_parquet(snakemake.input.sites),
    snakemake.params.channels,
    snakemake.output.store,
    workers=snakemake.threads,
    **snakemake.params.options,
)
write_parquet(table, snakemake.output.table)
