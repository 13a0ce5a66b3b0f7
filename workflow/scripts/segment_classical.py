"""Find objects with a threshold and a watershed, in annotated test images or on a plate."""

from _job import start

start(snakemake.log[0])

import json
from pathlib import Path

from moascope import engines, segmenting

params = snakemake.params
parameters = engines.ClassicalParameters()
if "model" in dict(snakemake.input.items()):
    parameters = engines.ClassicalParameters(**json.loads(Path(snakemake.input.model).read_text()))
engine = engines.classical(parameters)
given, out = dict(snakemake.input.items()), dict(snakemake.output.items())
segmenting.run(engine, given, out, dict(params.items()))
