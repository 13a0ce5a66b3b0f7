"""Choose some sites of every plate, and keep what the report shows of them."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.core.files import read_parquet
from moascope.segmentation import site_samples

given, params = snakemake.input, snakemake.params
site_samples.write(
    read_parquet(given.counts),
    read_parquet(given.quality, ["site_id", "flagged", "reasons"]),
    dict(zip(params.plates, zip(given.stores, given.labels, strict=True), strict=True)),
    params.channel,
    params.objects,
    snakemake.output.pictures,
    snakemake.output.table,
)
