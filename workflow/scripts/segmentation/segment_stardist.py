"""Find objects with StarDist, in annotated test images or on a plate, or measure their size."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.core.files import write_json
from moascope.pipeline import devices, run_summary
from moascope.segmentation import image_scale, predict
from moascope.segmentation.implementations import stardist

params, options = snakemake.params, snakemake.params.options
device = devices.choose_for(params.compute["gpu"], "TensorFlow", stardist.sees_gpu)
given, out = dict(snakemake.input.items()), dict(snakemake.output.items())
model = options["model"] or given["model"]
channels = stardist.shown_channels(model, params.channels, options["channel_map"])
engine = stardist.stardist(
    model,
    channels,
    prob_threshold=options["prob_threshold"],
    nms_threshold=options["nms_threshold"],
)
if "measured" in out:
    write_json(image_scale.measure_job(engine, given, channels, model), out["measured"])
else:
    factor = image_scale.factor_of_job(given, options, model)
    predict.run(engine, given, out, {**dict(params.items()), "channels": channels}, factor=factor)
if "device" in out:
    write_json(run_summary.computed_with("tensorflow", device), out["device"])
