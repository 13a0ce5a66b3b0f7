"""Count the objects of all sites."""

from _job import start

start(snakemake.log[0])

import pandas as pd

from moascope import cell_counts
from moascope.files import read_tables, write_parquet

ingested = read_tables(snakemake.input.ingested)
counts = cell_counts.summarise(
    snakemake.input.cells,
    pd.read_parquet(snakemake.input.sites),
    ingested.loc[ingested["status"] == "ok", "site_id"].tolist(),
)
write_parquet(counts, snakemake.output[0])
