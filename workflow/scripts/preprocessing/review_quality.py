"""Review the quality of a screen: failing plates, flags by class, undeclared brightfield."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.core.files import read_parquet, write_json
from moascope.core.options import restore
from moascope.preprocessing import quality_review
from moascope.preprocessing.quality_measures.options import Quality
from moascope.screen.wording import Words

paths, params = snakemake.input, snakemake.params
review = quality_review.review(
    read_parquet(paths.sites),
    read_parquet(paths.quality),
    read_parquet(paths.units),
    channels=params.channels,
    options=restore(Quality, params.options),
    brightfield=params.brightfield,
    include_controls=params.include_controls,
    words=Words(has_plates=params.has_plates),
    seed=params.seed,
)
write_json(review, snakemake.output[0])
