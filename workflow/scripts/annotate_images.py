"""Pack annotated images that belong to no screen."""

from _job import start

start(snakemake.log[0])

from pathlib import Path

from moascope import annotated, annotated_sheet

options = snakemake.params.options
rows = annotated_sheet.read_annotations(
    Path(options["sheet"]), annotated_sheet.from_config(options)
)
annotated.write(
    rows,
    snakemake.params.channels,
    snakemake.output.images,
    snakemake.output.table,
    binary_masks=snakemake.params.binary_masks,
    max_gigabytes=options["max_image_gigabytes"],
    split_parts=snakemake.params.split_merged,
    workers=snakemake.threads,
)
