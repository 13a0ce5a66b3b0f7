"""Find objects with a U-Net, in annotated test images or on a plate."""

from _job import start

start(snakemake.log[0])

from moascope import devices

params = snakemake.params
device = devices.choose(params.compute["gpu"], params.compute["keras_backend"])

from moascope import segmenting, summary
from moascope.engine_unet import UNet
from moascope.files import write_json

device = devices.confirm(params.compute["gpu"], device)
engine = UNet.load(snakemake.input.model, params.channels, params.options)
given, out = dict(snakemake.input.items()), dict(snakemake.output.items())
segmenting.run(engine, given, out, {**dict(params.items()), "channels": engine.channels})
if "device" in out:
    write_json(summary.computed_with(params.compute["keras_backend"], device), out["device"])
