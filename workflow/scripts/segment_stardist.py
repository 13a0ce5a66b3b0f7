"""Find objects with StarDist, in annotated test images or on a plate."""

from _job import start

start(snakemake.log[0])

from moascope import devices

params = snakemake.params
device = devices.choose(params.compute["gpu"])

from moascope import engine_stardist, segmenting, summary
from moascope.files import write_json

sees_gpu = engine_stardist.sees_gpu()
device = devices.agreed(params.compute["gpu"], device, "TensorFlow", sees_gpu=sees_gpu)
given, out = dict(snakemake.input.items()), dict(snakemake.output.items())
engine = engine_stardist.stardist(params.options["model"] or given["model"], params.channels)
segmenting.run(engine, given, out, dict(params.items()))
if "device" in out:
    write_json(summary.computed_with("tensorflow", device), out["device"])
