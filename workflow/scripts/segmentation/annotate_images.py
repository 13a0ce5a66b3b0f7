"""Pack annotated images that belong to no screen."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from pathlib import Path

from moascope.segmentation.data import dataset, sheet

params = snakemake.params
options = sheet.from_config(params.options, params.channels, params.needed)
rows = sheet.read_annotations(Path(params.options["sheet"]), options)
dataset.write(
    rows,
    params.channels,
    snakemake.output.images,
    snakemake.output.table,
    axes=params.options["axes"],
    split_parts=params.split_disconnected,
    ignored=params.ignore_label,
    binary_masks=params.binary_masks,
    max_gigabytes=params.options["max_image_gigabytes"],
    pixel_size_um=params.options["pixel_size_um"],
    source=params.options["sheet"],
    workers=snakemake.threads,
)
