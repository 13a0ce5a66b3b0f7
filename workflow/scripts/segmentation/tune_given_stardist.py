"""Tune the thresholds of a given StarDist model on the validation images."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.pipeline import devices
from moascope.segmentation import image_scale
from moascope.segmentation.data.dataset import AnnotatedSet
from moascope.segmentation.engines import stardist

params, options = snakemake.params, snakemake.params.options
devices.choose_for(params.compute["gpu"], "TensorFlow", stardist.sees_gpu)
model = options["model"]
factor = image_scale.factor_of_job(dict(snakemake.input.items()), options, model)
with AnnotatedSet(snakemake.input.images, snakemake.input.table) as annotated:
    stardist.tune_given(
        model, annotated, params.channels, options, snakemake.output.model, factor=factor
    )
