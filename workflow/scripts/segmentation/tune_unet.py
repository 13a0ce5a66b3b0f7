"""Tune how objects are cut out of the maps of a U-Net, on the validation images."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.pipeline import devices

params = snakemake.params
device = devices.choose(params.compute["gpu"], params.compute["keras_backend"])

from moascope.core.files import read_tables, write_parquet
from moascope.segmentation.data.dataset import AnnotatedSet
from moascope.segmentation.engines import unet

devices.confirm(params.compute["gpu"], device)
with AnnotatedSet(snakemake.input.images, snakemake.input.table) as annotated:
    unet.tune_saved(
        snakemake.input.networks,
        annotated,
        params.channels,
        params.options,
        snakemake.output.model,
    )
write_parquet(read_tables(snakemake.input.histories), snakemake.output.history)
