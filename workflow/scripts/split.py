"""Divide the units into training, validation and test sets."""

from _job import start

start(snakemake.log[0])

from moascope import splits
from moascope.files import read_json, read_parquet, write_parquet

units = read_parquet(snakemake.input.units)
if snakemake.params.exclude_flagged:
    units["usable"] &= ~units["flagged"]
if snakemake.input.review:
    failed = list(read_json(snakemake.input.review)["flagged_plates"])
    units["usable"] &= ~units["plate"].isin(failed)
split, groups = splits.make_split(units, snakemake.params.options, snakemake.params.seed)
write_parquet(split, snakemake.output.split)
write_parquet(groups, snakemake.output.groups)
