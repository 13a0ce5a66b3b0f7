"""Pack annotated images that belong to no screen."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from pathlib import Path

from moascope.core.options import restore
from moascope.segmentation.data import dataset, sheet
from moascope.segmentation.data.options import Annotated

params = snakemake.params
annotated = restore(Annotated, params.options)
options = sheet.from_config(annotated, params.channels, params.needed)
rows = sheet.read_annotations(Path(annotated.sheet), options)
dataset.write(
    rows,
    params.channels,
    snakemake.output.images,
    snakemake.output.table,
    axes=annotated.axes,
    split_parts=params.split_disconnected,
    ignored=params.ignore_label,
    binary_masks=params.binary_masks,
    max_gigabytes=annotated.max_image_gigabytes,
    pixel_size_um=annotated.pixel_size_um,
    source=annotated.sheet,
    workers=snakemake.threads,
)
