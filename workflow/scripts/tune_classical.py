"""Tune the classical method on the validation images."""

from _job import start

start(snakemake.log[0])

from dataclasses import asdict

from moascope import engine_classical
from moascope.annotated import AnnotatedSet
from moascope.files import write_json

with AnnotatedSet(snakemake.input.images, snakemake.input.table) as annotated:
    # More images than this change nothing but the time it takes.
    rows = annotated.spread("validation", 24)
    samples = [(annotated.image(row), annotated.labels(row)) for row in rows]
    groups = annotated.groups(rows)
parameters = engine_classical.tune_with(snakemake.params.options, samples, groups=groups)
write_json(asdict(parameters), snakemake.output[0])
