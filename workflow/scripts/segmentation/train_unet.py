"""Train a U-Net on annotated images."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job
from moascope.segmentation.engines.training_options import NetworkTraining

job.start(snakemake.log[0])

from pathlib import Path

from moascope.pipeline import devices

params = snakemake.params
device = devices.choose(params.compute["gpu"], params.compute["keras_backend"])

from moascope.core.files import write_json, write_parquet
from moascope.pipeline import run_summary
from moascope.segmentation.data.dataset import AnnotatedSet
from moascope.segmentation.implementations import unet
from moascope.segmentation.schedule import stop_warnings

device = devices.confirm(params.compute["gpu"], device)
with AnnotatedSet(snakemake.input.images, snakemake.input.table) as annotated:
    history = unet.fit(
        annotated,
        params.channels,
        params.options,
        snakemake.output.model,
        seed=params.seed,
        checkpoint=params.checkpoint,
        start=dict(snakemake.input.items()).get("start"),
        code=params.code,
    )
training = NetworkTraining(**params.options["training"])
is_cut_short = bool(stop_warnings(snakemake.wildcards.engine, history, training))
history = history.assign(member=int(snakemake.wildcards.member))
write_parquet(history, snakemake.output.history)
write_json(
    run_summary.computed_with(params.compute["keras_backend"], device), snakemake.output.device
)
if not is_cut_short:  # with a longer time limit, the training goes on
    Path(params.checkpoint).unlink(missing_ok=True)
