"""Find objects with StarDist, in annotated test images or on a plate, or measure their size."""

from _job import start

start(snakemake.log[0])

from moascope import devices, engine_stardist, image_scale, segmenting, summary
from moascope.files import write_json

params, options = snakemake.params, snakemake.params.options
device = devices.choose_for(params.compute["gpu"], "TensorFlow", engine_stardist.sees_gpu)
given, out = dict(snakemake.input.items()), dict(snakemake.output.items())
model = options["model"] or given["model"]
channels = engine_stardist.shown_channels(model, params.channels, options["channel_map"])
engine = engine_stardist.stardist(
    model,
    channels,
    prob_threshold=options["prob_threshold"],
    nms_threshold=options["nms_threshold"],
)
if "measured" in out:
    write_json(image_scale.measure_job(engine, given, channels, model), out["measured"])
else:
    factor = image_scale.factor_of_job(given, options, model)
    segmenting.run(
        engine, given, out, {**dict(params.items()), "channels": channels}, factor=factor
    )
if "device" in out:
    write_json(summary.computed_with("tensorflow", device), out["device"])
