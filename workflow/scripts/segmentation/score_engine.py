"""Score an engine on the test images."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.core.files import write_json, write_parquet
from moascope.segmentation import scores

given = snakemake.input
summary, by_image = scores.score(given.images, given.table, given.labels, given.times)
write_json(summary, snakemake.output.scores)
write_parquet(by_image, snakemake.output.by_image)
