"""Check the sizes of all images and some masks before any image is read, and choose one size."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

import logging

from moascope.core.files import read_parquet, read_tables, write_json
from moascope.images import sizes as image_sizes
from moascope.preprocessing import units
from moascope.segmentation.data import binary_masks

params = snakemake.params
sizes = read_tables(snakemake.input.headers)
rule, shape = params.on_size_mismatch, params.units


def unit_shape(size):
    return units.shape_of_units(size, **shape)


image_sizes.check(
    sizes, rule, unit_shape if shape else None, params.on_bad_image, params.has_plates
)
if params.binary_masks is not None:
    masks = read_parquet(snakemake.input.masks)
    binary_masks.check_sample(masks["path"].tolist(), params.binary_masks, params.max_gigabytes)
target = image_sizes.target_size(sizes, rule)
found = image_sizes.describe(sizes, rule, target)
logging.info("%s", found["text"])
warnings = image_sizes.warnings(found)
for warning in warnings:
    logging.warning("%s", warning["text"])
write_json({**found, "warnings": warnings}, snakemake.output.sizes)
write_json({"size": found["target"]}, snakemake.output.target)
