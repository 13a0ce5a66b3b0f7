"""Find objects with Cellpose, in annotated test images or on a plate."""

from _job import start

start(snakemake.log[0])

from moascope import devices

params, options = snakemake.params, snakemake.params.options
device = devices.choose(params.compute["gpu"])

from moascope import engines, segmenting, summary
from moascope.files import write_json

sees_gpu = engines.sees_gpu()
device = devices.agreed(params.compute["gpu"], device, "PyTorch", sees_gpu=sees_gpu)
engine = engines.cellpose(
    options["model"],
    range(min(3, len(params.channels))),
    options["diameter"],
    gpu=device.startswith("GPU"),
)
given, out = dict(snakemake.input.items()), dict(snakemake.output.items())
segmenting.run(engine, given, out, dict(params.items()))
if "device" in out:
    write_json(summary.computed_with("torch", device), out["device"])
