"""Divide the units into training, validation and test sets."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.core.files import read_json, read_parquet, write_parquet
from moascope.preprocessing import lost_classes
from moascope.preprocessing.units import leave_out
from moascope.splits import make

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
split, groups = make.make_split(units, params.options, params.seed)
split.attrs["dropped"] = [*lost, *split.attrs["dropped"]]
write_parquet(split, snakemake.output.split)
write_parquet(groups, snakemake.output.groups)
