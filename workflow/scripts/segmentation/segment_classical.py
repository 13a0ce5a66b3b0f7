"""Find objects with a threshold and a watershed, or measure their size."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.core.files import read_json, write_json
from moascope.segmentation import image_scale, predict
from moascope.segmentation.implementations import classical

params = snakemake.params
given, out = dict(snakemake.input.items()), dict(snakemake.output.items())
stored = read_json(given["model"]) if "model" in given else {}
if "measured" in out:
    images, _ = image_scale.sample(given, params.channels)
    parameters = classical.parameters_of(params.options, stored)
    diameter = classical.estimate_diameter(images, parameters)
    write_json({"diameter": diameter, "n_images": len(images)}, out["measured"])
else:
    diameter = image_scale.diameter_of_job(given, params.options)
    parameters = classical.parameters_of(params.options, stored, diameter=diameter)
    engine = classical.Classical(parameters)
    predict.run(engine, given, out, dict(params.items()))
