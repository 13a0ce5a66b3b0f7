"""Count the objects of all sites."""

from _job import start

start(snakemake.log[0])

import pandas as pd

from moascope import cell_counts
from moascope.files import write_parquet

quality = pd.read_parquet(snakemake.input.quality, columns=["site_id", "status"])
counts = cell_counts.summarise(
    snakemake.input.cells,
    pd.read_parquet(snakemake.input.sites),
    quality.loc[quality["status"] == "ok", "site_id"].tolist(),
)
write_parquet(counts, snakemake.output[0])
