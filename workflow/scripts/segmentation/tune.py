"""Tune how an engine finds objects, on the annotated validation images."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.core.files import read_tables, write_parquet
from moascope.core.named_functions import load_function
from moascope.pipeline import devices
from moascope.segmentation.data.annotated_set import AnnotatedSet
from moascope.segmentation.implementations.base import Job

params = snakemake.params
given, out = dict(snakemake.input.items()), dict(snakemake.output.items())
device = devices.choose_for(params.gpu_mode, params.backend, params.sees_gpu)
engine = Job(given, out, params.channels, params.options, uses_gpu=device.startswith("GPU"))
with AnnotatedSet(given["images"], given["table"]) as annotated:
    load_function(params.tune)(engine, annotated)
if "history" in out:
    write_parquet(read_tables(given["histories"]), out["history"])
