"""Find objects with StarDist, in annotated test images or on a plate."""

from _job import start

start(snakemake.log[0])

from moascope import engines, segmenting

params = snakemake.params
engine = engines.stardist(params.options["model"] or "2D_versatile_fluo")
given, out = dict(snakemake.input.items()), dict(snakemake.output.items())
segmenting.run(engine, given, out, dict(params.items()))
