"""Review the quality of a screen: failing plates, flags by class, undeclared brightfield."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.core.files import read_parquet, write_json
from moascope.preprocessing import quality_review
from moascope.screen.wording import Words

given, params = snakemake.input, snakemake.params
found = quality_review.review(
    read_parquet(given.sites),
    read_parquet(given.quality),
    read_parquet(given.units),
    params.channels,
    params.options,
    brightfield=params.brightfield,
    include_controls=params.include_controls,
    words=Words(has_plates=params.has_plates),
    seed=params.seed,
)
write_json(found, snakemake.output[0])
