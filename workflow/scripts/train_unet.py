"""Train a U-Net on annotated images."""

from _job import start

start(snakemake.log[0])

from pathlib import Path

from moascope import devices

params = snakemake.params
device = devices.choose(params.compute["gpu"], params.compute["keras_backend"])

from moascope import engine_unet, summary
from moascope.annotated import AnnotatedSet
from moascope.files import write_json, write_parquet
from moascope.segmentation_course import TrainingOptions, stop_warnings

device = devices.confirm(params.compute["gpu"], device)
with AnnotatedSet(snakemake.input.images, snakemake.input.table) as annotated:
    history = engine_unet.fit(
        annotated,
        params.channels,
        params.options,
        snakemake.output.model,
        seed=params.seed,
        checkpoint=params.checkpoint,
        start=dict(snakemake.input.items()).get("start"),
        code=params.code,
    )
training = TrainingOptions(**params.options["training"])
is_cut_short = bool(stop_warnings(snakemake.wildcards.engine, history, training))
history = history.assign(member=int(snakemake.wildcards.member))
write_parquet(history, snakemake.output.history)
write_json(summary.computed_with(params.compute["keras_backend"], device), snakemake.output.device)
if not is_cut_short:  # with a longer time limit, the training goes on
    Path(params.checkpoint).unlink(missing_ok=True)
