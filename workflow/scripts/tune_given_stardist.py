"""Tune the thresholds of a given StarDist model on the validation images."""

from _job import start

start(snakemake.log[0])

from moascope import devices, engine_stardist, image_scale
from moascope.annotated import AnnotatedSet

params, options = snakemake.params, snakemake.params.options
devices.choose_for(params.compute["gpu"], "TensorFlow", engine_stardist.sees_gpu)
model = options["model"]
factor = image_scale.factor_of_job(dict(snakemake.input.items()), options, model)
with AnnotatedSet(snakemake.input.images, snakemake.input.table) as annotated:
    engine_stardist.tune_given(
        model, annotated, params.channels, options, snakemake.output.model, factor=factor
    )
