"""Train a network on annotated images."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from pathlib import Path

from moascope.core.files import write_json, write_parquet
from moascope.core.named_functions import load_function
from moascope.core.options import restore
from moascope.pipeline import devices, versions
from moascope.segmentation.data.annotated_set import AnnotatedSet
from moascope.segmentation.engines.options.training import NetworkTraining
from moascope.segmentation.implementations.base import Job, Training
from moascope.segmentation.schedule import stop_warnings

params, wildcards = snakemake.params, dict(snakemake.wildcards.items())
given, out = dict(snakemake.input.items()), dict(snakemake.output.items())
device = devices.choose_for(params.gpu_mode, params.backend, params.sees_gpu)
engine = Job(given, out, params.channels, params.options, uses_gpu=device.startswith("GPU"))
with AnnotatedSet(given["images"], given["table"]) as annotated:
    training = Training(params.seed, params.checkpoint, params.code)
    history = load_function(params.train)(engine, annotated, training)
options = restore(NetworkTraining, params.training)
is_cut_short = bool(stop_warnings(wildcards["engine"], history, options))
if "member" in wildcards:
    history = history.assign(member=int(wildcards["member"]))
write_parquet(history, out["history"])
write_json(versions.computed_with(params.backend, device), out["device"])
if params.checkpoint and not is_cut_short:  # with a longer time limit, the training goes on
    Path(params.checkpoint).unlink(missing_ok=True)
