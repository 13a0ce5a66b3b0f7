"""Find objects with Cellpose, in annotated test images or on a plate."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.core.files import write_json
from moascope.pipeline import devices, run_summary
from moascope.segmentation import predict
from moascope.segmentation.implementations import cellpose

params, options = snakemake.params, snakemake.params.options
device = devices.choose_for(params.compute["gpu"], "PyTorch", cellpose.sees_gpu)
engine = cellpose.cellpose(
    options["model"],
    range(len(params.channels)),
    options["diameter"],
    flow_threshold=options["flow_threshold"],
    cellprob_threshold=options["cellprob_threshold"],
    gpu=device.startswith("GPU"),
)
given, out = dict(snakemake.input.items()), dict(snakemake.output.items())
predict.run(engine, given, out, dict(params.items()))
if "device" in out:
    write_json(run_summary.computed_with("torch", device), out["device"])
