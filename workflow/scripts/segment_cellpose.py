"""Find objects with Cellpose, in annotated test images or on a plate."""

from _job import start

start(snakemake.log[0])

from moascope import devices, engines, segmenting, summary
from moascope.files import write_json

params, options = snakemake.params, snakemake.params.options
device = devices.choose_for(params.compute["gpu"], "PyTorch", engines.sees_gpu)
engine = engines.cellpose(
    options["model"],
    range(len(params.channels)),
    options["diameter"],
    flow_threshold=options["flow_threshold"],
    cellprob_threshold=options["cellprob_threshold"],
    gpu=device.startswith("GPU"),
)
given, out = dict(snakemake.input.items()), dict(snakemake.output.items())
segmenting.run(engine, given, out, dict(params.items()))
if "device" in out:
    write_json(summary.computed_with("torch", device), out["device"])
