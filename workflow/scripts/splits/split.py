"""Divide the units into training, validation and test sets."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.core.files import read_json, read_parquet, write_parquet
from moascope.core.options import restore
from moascope.preprocessing import lost_classes
from moascope.preprocessing.units import leave_out
from moascope.splits import make
from moascope.splits.options import Split

paths, params = snakemake.input, snakemake.params
options = restore(Split, params.options)
failed = read_json(paths.review)["flagged_plates"] if paths.review else {}
units = leave_out(
    read_parquet(paths.units), flagged=params.exclude_flagged, failed_plates=list(failed)
)
lost = lost_classes.check(
    units,
    read_parquet(paths.quality, ["site_id", "reasons"]),
    include_controls=options.include_controls,
    channels=params.channels,
)
split, groups = make.make_split(units, options, seed=params.seed)
split.attrs["dropped"] = [*lost, *split.attrs["dropped"]]
write_parquet(split, snakemake.output.split)
write_parquet(groups, snakemake.output.groups)
