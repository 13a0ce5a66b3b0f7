"""Count the objects of all sites, and look for what is wrong with them."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

import logging

from moascope.core.files import read_json, read_parquet, write_json, write_parquet
from moascope.profiling import cell_counts
from moascope.segmentation import image_scale
from moascope.segmentation.implementations.base import USUAL_DIAMETER
from moascope.segmentation.object_size import Size, told_diameter

given, params = dict(snakemake.input.items()), snakemake.params
quality = read_parquet(given["quality"], ["site_id", "status", "flagged", "pixel_size_um"])
counts = cell_counts.summarise(
    given["cells"], read_parquet(given["sites"]), quality[quality["status"] == "ok"]
)
widths = quality["pixel_size_um"].dropna().unique()
shown = Size(told_diameter(params.options), float(widths[0]) if len(widths) == 1 else None)
model = given.get("model") or params.options.get("model")
learnt = image_scale.size_of_model(model) if isinstance(model, str) else Size()
measured = read_json(given["measured"]) if "measured" in given else None
diameter = image_scale.expected_diameter(learnt, shown, measured)
if diameter is None and params.method == "classical":
    diameter = USUAL_DIAMETER
doubts = cell_counts.doubts(counts, params.objects, diameter, params.method)
for text in doubts:
    logging.warning("engine %s: %s", params.engine, text)
write_parquet(counts, snakemake.output.counts)
write_json({"expected_diameter": diameter, "doubts": doubts}, snakemake.output.doubts)
