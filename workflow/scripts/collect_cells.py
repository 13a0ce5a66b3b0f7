"""Count the objects of all sites."""

from _job import start

start(snakemake.log[0])

from moascope import cell_counts
from moascope.files import read_parquet, write_parquet

quality = read_parquet(snakemake.input.quality, ["site_id", "status", "flagged"])
counts = cell_counts.summarise(
    snakemake.input.cells,
    read_parquet(snakemake.input.sites),
    quality[quality["status"] == "ok"],
)
write_parquet(counts, snakemake.output[0])
