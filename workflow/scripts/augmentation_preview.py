"""Augment a few units, for a picture of what training sees."""

from _job import start

start(snakemake.log[0])

from moascope import devices

compute = snakemake.params.compute
devices.choose("never", compute["keras_backend"])

import pandas as pd

from moascope import augmentation, units
from moascope.files import write_array

table = pd.read_parquet(snakemake.input.units)
chosen = table[table["usable"]].sample(4, random_state=snakemake.params.seed, replace=True).index
images = units.read_rows(snakemake.input.pixels, chosen.to_numpy())
write_array(
    augmentation.preview(images, snakemake.params.augmentation, snakemake.params.seed, 5),
    snakemake.output[0],
)
