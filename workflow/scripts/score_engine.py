"""Score an engine on the test images."""

from _job import start

start(snakemake.log[0])

from moascope import segmentation_scores
from moascope.files import write_json, write_parquet

given = snakemake.input
summary, by_image = segmentation_scores.score(given.images, given.table, given.labels, given.times)
write_json(summary, snakemake.output.scores)
write_parquet(by_image, snakemake.output.by_image)
