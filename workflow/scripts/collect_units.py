"""Join the tables of all plates."""

from _job import start

start(snakemake.log[0])

import pandas as pd

from moascope.files import read_tables, write_parquet

quality = read_tables(snakemake.input.quality)
ingested = read_tables(snakemake.input.ingested)
write_parquet(read_tables(snakemake.input.units), snakemake.output.units)
write_parquet(read_tables(snakemake.input.statistics), snakemake.output.statistics)
write_parquet(pd.merge(ingested, quality, on="site_id", how="left"), snakemake.output.quality)
