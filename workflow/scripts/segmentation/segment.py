"""Segment annotated test images or a plate."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.core.files import write_json
from moascope.core.named_functions import load_function
from moascope.pipeline import devices, versions
from moascope.segmentation import predict
from moascope.segmentation.implementations.base import Job

params = snakemake.params
given, out = dict(snakemake.input.items()), dict(snakemake.output.items())
device = devices.choose_for(params.gpu_mode, params.backend, params.sees_gpu)
job_of_engine = Job(given, out, params.channels, params.options, uses_gpu=device.startswith("GPU"))
loaded = load_function(params.load)(job_of_engine)
predict.run(loaded, job_of_engine, params.get("objects"), params.get("clear_border"))
if "device" in out:
    write_json(versions.computed_with(params.backend, device), out["device"])
