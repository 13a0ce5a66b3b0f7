"""Count the objects of all sites, and look for what is wrong with them."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

import logging

from moascope.core.files import read_json, read_parquet, write_json, write_parquet
from moascope.profiling import cell_counts
from moascope.segmentation import image_scale
from moascope.segmentation.data.object_sizes import Size
from moascope.segmentation.engines.base import SizeAdvice
from moascope.segmentation.engines.options.base import MethodOptions
from moascope.segmentation.object_size import told_diameter

given, params = dict(snakemake.input.items()), snakemake.params
quality = read_parquet(given["quality"], ["site_id", "status", "flagged", "pixel_size_um"])
counts = cell_counts.summarise(
    given["cells"], read_parquet(given["sites"]), quality[quality["status"] == "ok"]
)
widths = quality["pixel_size_um"].dropna().unique()
told = told_diameter(MethodOptions(diameter=params.diameter))
shown = Size(told, float(widths[0]) if len(widths) == 1 else None)
model = given.get("model") or params.model
trained = image_scale.size_of_model(model) if isinstance(model, str) else Size()
measured = read_json(given["measured"]) if "measured" in given else None
diameter = image_scale.expected_diameter(trained, shown, measured)
if diameter is None:
    diameter = params.usual_diameter
doubts = cell_counts.doubts(counts, params.objects, diameter, SizeAdvice(**params.advice))
for text in doubts:
    logging.warning("engine %s: %s", params.engine, text)
write_parquet(counts, snakemake.output.counts)
write_json({"expected_diameter": diameter, "doubts": doubts}, snakemake.output.doubts)
