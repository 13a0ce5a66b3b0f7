"""Find objects with a U-Net, in annotated test images or on a plate, or measure their size."""

from _job import start

start(snakemake.log[0])

from moascope import devices

params = snakemake.params
device = devices.choose(params.compute["gpu"], params.compute["keras_backend"])

from moascope import image_scale, segmenting, summary
from moascope.engine_unet import UNet
from moascope.files import write_json

device = devices.confirm(params.compute["gpu"], device)
given, out = dict(snakemake.input.items()), dict(snakemake.output.items())
engine = UNet.load(given["model"], params.channels, params.options)
if "measured" in out:
    found = image_scale.measure_job(engine, given, engine.channels, given["model"])
    write_json(found, out["measured"])
else:
    factor = image_scale.factor_of_job(given, params.options, given["model"])
    options = {**dict(params.items()), "channels": engine.channels}
    segmenting.run(engine, given, out, options, factor=factor)
if "device" in out:
    write_json(summary.computed_with(params.compute["keras_backend"], device), out["device"])
