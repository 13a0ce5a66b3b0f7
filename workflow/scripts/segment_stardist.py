"""Find objects with StarDist, in annotated test images or on a plate."""

from _job import start

start(snakemake.log[0])

from moascope import devices, engine_stardist, segmenting, summary
from moascope.files import write_json

params = snakemake.params
device = devices.choose_for(params.compute["gpu"], "TensorFlow", engine_stardist.sees_gpu)
given, out = dict(snakemake.input.items()), dict(snakemake.output.items())
engine = engine_stardist.stardist(params.options["model"] or given["model"], params.channels)
segmenting.run(engine, given, out, dict(params.items()))
if "device" in out:
    write_json(summary.computed_with("tensorflow", device), out["device"])
