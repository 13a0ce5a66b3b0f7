"""Divide the units into training, validation and test sets."""

from _job import start

start(snakemake.log[0])

from moascope import lost_classes, splits
from moascope.files import read_json, read_parquet, write_parquet
from moascope.units import leave_out

given, params = snakemake.input, snakemake.params
failed = read_json(given.review)["flagged_plates"] if given.review else {}
units = leave_out(
    read_parquet(given.units), flagged=params.exclude_flagged, failed_plates=list(failed)
)
lost = lost_classes.check(
    units,
    read_parquet(given.quality, ["site_id", "reasons"]),
    include_controls=params.options["include_controls"],
    channels=params.channels,
)
split, groups = splits.make_split(units, params.options, params.seed)
split.attrs["dropped"] = [*lost, *split.attrs["dropped"]]
write_parquet(split, snakemake.output.split)
write_parquet(groups, snakemake.output.groups)
