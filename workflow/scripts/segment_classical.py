"""Find objects with a threshold and a watershed, in annotated test images or on a plate."""

from _job import start

start(snakemake.log[0])

from moascope import engines, segmenting
from moascope.files import read_json

params = snakemake.params
parameters = engines.ClassicalParameters()
if "model" in dict(snakemake.input.items()):
    parameters = engines.ClassicalParameters(**read_json(snakemake.input.model))
engine = engines.classical(parameters)
given, out = dict(snakemake.input.items()), dict(snakemake.output.items())
segmenting.run(engine, given, out, dict(params.items()))
