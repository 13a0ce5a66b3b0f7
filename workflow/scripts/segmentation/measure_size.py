"""Measure at which size an engine finds the objects of some images."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.core.files import write_json
from moascope.core.named_functions import load_function
from moascope.pipeline import devices
from moascope.segmentation.implementations.base import Job

params = snakemake.params
given, out = dict(snakemake.input.items()), dict(snakemake.output.items())
device = devices.choose_for(params.gpu_mode, params.backend, params.sees_gpu)
engine = Job(given, out, params.channels, params.options, uses_gpu=device.startswith("GPU"))
write_json(load_function(params.measure)(engine), out["measured"])
