"""Find objects with a threshold and a watershed, or measure their size."""

from _job import start

start(snakemake.log[0])

from moascope import engine_classical, image_scale, segmenting
from moascope.files import read_json, write_json

params = snakemake.params
given, out = dict(snakemake.input.items()), dict(snakemake.output.items())
stored = read_json(given["model"]) if "model" in given else {}
if "measured" in out:
    images, _ = image_scale.sample(given, params.channels)
    parameters = engine_classical.parameters_of(params.options, stored)
    diameter = engine_classical.estimate_diameter(images, parameters)
    write_json({"diameter": diameter, "n_images": len(images)}, out["measured"])
else:
    diameter = image_scale.diameter_of_job(given, params.options)
    parameters = engine_classical.parameters_of(params.options, stored, diameter=diameter)
    engine = engine_classical.Classical(parameters)
    segmenting.run(engine, given, out, dict(params.items()))
