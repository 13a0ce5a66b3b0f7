"""Join the tables of all plates with the metadata of their sites."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.core.files import read_parquet, read_tables, write_parquet
from moascope.preprocessing import units

sites = read_parquet(snakemake.input.sites)
described = units.describe(read_tables(snakemake.input.units, units.OWN_COLUMNS), sites)
write_parquet(described, snakemake.output.units)
write_parquet(read_tables(snakemake.input.quality), snakemake.output.quality)
write_parquet(read_tables(snakemake.input.statistics), snakemake.output.statistics)
