"""Find objects with a threshold and a watershed, in annotated test images or on a plate."""

from _job import start

start(snakemake.log[0])

from moascope import engine_classical, segmenting
from moascope.files import read_json

params = snakemake.params
given, out = dict(snakemake.input.items()), dict(snakemake.output.items())
stored = read_json(given["model"]) if "model" in given else None
parameters = engine_classical.parameters_of(params.options, stored)
engine = engine_classical.Classical(parameters)
segmenting.run(engine, given, out, dict(params.items()))
