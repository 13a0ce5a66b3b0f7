"""Write a U-Net as a BioImage.IO package, for other programs."""

from _job import start

start(snakemake.log[0])

from moascope import devices

devices.choose("never", "tensorflow")  # to convert takes TensorFlow, and no GPU

from moascope import export
from moascope.annotated import AnnotatedSet

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
