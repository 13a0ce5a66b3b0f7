"""Find objects with Cellpose, in annotated test images or on a plate."""

from _job import start

start(snakemake.log[0])

from moascope import engines, segmenting

params, options = snakemake.params, snakemake.params.options
engine = engines.cellpose(
    options["model"],
    range(min(3, len(params.channels))),
    options["diameter"],
    gpu=bool(snakemake.resources.get("gpu", 0)),
)
given, out = dict(snakemake.input.items()), dict(snakemake.output.items())
segmenting.run(engine, given, out, dict(params.items()))
