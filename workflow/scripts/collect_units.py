"""Join the tables of all plates with what the sites are."""

from _job import start

start(snakemake.log[0])

from moascope import units
from moascope.files import read_parquet, read_tables, write_parquet

sites = read_parquet(snakemake.input.sites)
described = units.describe(read_tables(snakemake.input.units, units.OWN_COLUMNS), sites)
write_parquet(described, snakemake.output.units)
write_parquet(read_tables(snakemake.input.quality), snakemake.output.quality)
write_parquet(read_tables(snakemake.input.statistics), snakemake.output.statistics)
