"""Find objects with StarDist, in annotated test images or on a plate."""

from _job import start

start(snakemake.log[0])

from moascope import devices, engine_stardist, segmenting, summary
from moascope.files import write_json

params = snakemake.params
device = devices.choose_for(params.compute["gpu"], "TensorFlow", engine_stardist.sees_gpu)
given, out = dict(snakemake.input.items()), dict(snakemake.output.items())
model = params.options["model"] or given["model"]
channel_map = params.options["channel_map"]
channels = engine_stardist.shown_channels(model, params.channels, channel_map)
engine = engine_stardist.stardist(model, channels)
segmenting.run(engine, given, out, {**dict(params.items()), "channels": channels})
if "device" in out:
    write_json(summary.computed_with("tensorflow", device), out["device"])
