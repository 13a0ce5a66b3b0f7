"""Pack annotated images that belong to no screen."""

from _job import start

start(snakemake.log[0])

from pathlib import Path

from moascope import annotated, annotated_sheet

params = snakemake.params
options = annotated_sheet.from_config(params.options, params.channels, params.needed)
rows = annotated_sheet.read_annotations(Path(params.options["sheet"]), options)
annotated.write(
    rows,
    params.channels,
    snakemake.output.images,
    snakemake.output.table,
    axes=params.options["axes"],
    split_parts=params.split_merged,
    ignored=params.ignore_label,
    binary_masks=params.binary_masks,
    max_gigabytes=params.options["max_image_gigabytes"],
    pixel_size_um=params.options["pixel_size_um"],
    source=params.options["sheet"],
    workers=snakemake.threads,
)
