"""Write a U-Net as a BioImage.IO package, for other programs."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.pipeline import devices

devices.choose("never", "tensorflow")  # to convert takes TensorFlow, and no GPU

from moascope.segmentation.data.annotated_set import AnnotatedSet
from moascope.segmentation.unet import export

given, params = snakemake.input, snakemake.params
with AnnotatedSet(given.images, given.table) as annotated:
    export.export(
        given.model,
        params.channels,
        annotated,
        snakemake.output[0],
        name=snakemake.wildcards.engine,
        objects=params.objects,
        channel_map=params.channel_map,
    )
