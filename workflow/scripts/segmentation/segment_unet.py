"""Find objects with a U-Net, in annotated test images or on a plate, or measure their size."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.pipeline import devices

params = snakemake.params
device = devices.choose(params.compute["gpu"], params.compute["keras_backend"])

from moascope.core.files import write_json
from moascope.pipeline import run_summary
from moascope.segmentation import image_scale, predict
from moascope.segmentation.implementations.unet import UNet

device = devices.confirm(params.compute["gpu"], device)
given, out = dict(snakemake.input.items()), dict(snakemake.output.items())
engine = UNet.load(given["model"], params.channels, params.options)
if "measured" in out:
    found = image_scale.measure_job(engine, given, engine.channels, given["model"])
    write_json(found, out["measured"])
else:
    factor = image_scale.factor_of_job(given, params.options, given["model"])
    options = {**dict(params.items()), "channels": engine.channels}
    predict.run(engine, given, out, options, factor=factor)
if "device" in out:
    write_json(run_summary.computed_with(params.compute["keras_backend"], device), out["device"])
