"""Train StarDist on annotated images, and tune its thresholds."""

from _job import start

start(snakemake.log[0])

from moascope import devices, engine_stardist, summary
from moascope.annotated import AnnotatedSet
from moascope.files import write_json, write_parquet

params = snakemake.params
device = devices.choose_for(params.compute["gpu"], "TensorFlow", engine_stardist.sees_gpu)
with AnnotatedSet(snakemake.input.images, snakemake.input.table) as annotated:
    out = snakemake.output.model
    history = engine_stardist.fit(annotated, params.options, out, seed=params.seed)
write_parquet(history, snakemake.output.history)
write_json(summary.computed_with("tensorflow", device), snakemake.output.device)
