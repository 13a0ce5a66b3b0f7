"""Join the tables of all plates."""

from _job import start

start(snakemake.log[0])

from moascope.files import read_tables, write_parquet

write_parquet(read_tables(snakemake.input.units), snakemake.output.units)
write_parquet(read_tables(snakemake.input.statistics), snakemake.output.statistics)
