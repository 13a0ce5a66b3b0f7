"""Flag the sites that cannot be trusted, plate by plate."""

from _job import start

start(snakemake.log[0])

import pandas as pd

from moascope import quality
from moascope.files import read_tables, write_parquet

flagged = []
for measures, output in zip(snakemake.input.measures, snakemake.output.plates, strict=True):
    flagged.append(quality.flag(pd.read_parquet(measures), snakemake.params.options))
    write_parquet(flagged[-1], output)
ingested = read_tables(snakemake.input.ingested)
table = ingested.merge(pd.concat(flagged, ignore_index=True), on="site_id", how="left")
write_parquet(table, snakemake.output.table)
