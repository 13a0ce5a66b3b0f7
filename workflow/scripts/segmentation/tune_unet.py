"""Tune how objects are cut out of the maps of a trained or given U-Net, on validation images."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.pipeline import devices

params = snakemake.params
device = devices.choose(params.compute["gpu"], params.compute["keras_backend"])

from moascope.core.files import read_tables, write_parquet
from moascope.segmentation import image_scale
from moascope.segmentation.data.dataset import AnnotatedSet
from moascope.segmentation.engines import unet

devices.confirm(params.compute["gpu"], device)
given, out = dict(snakemake.input.items()), dict(snakemake.output.items())
networks = [given["model"]] if "model" in given else given["networks"]
factor = image_scale.factor_of_job(given, params.options, networks[0])
with AnnotatedSet(snakemake.input.images, snakemake.input.table) as annotated:
    unet.tune_saved(
        networks,
        annotated,
        params.channels,
        params.options,
        out["model"],
        factor=factor,
        is_given="model" in given,
    )
if "history" in out:
    write_parquet(read_tables(given["histories"]), out["history"])
