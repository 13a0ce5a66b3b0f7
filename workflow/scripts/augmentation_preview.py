"""Augment a few units, for a picture of what training sees."""

from _job import start

start(snakemake.log[0])

from moascope import devices

params = snakemake.params
devices.choose("never", params.compute["keras_backend"])

import numpy as np
import pandas as pd

from moascope import augmentation, features
from moascope.files import write_array

units = pd.read_parquet(snakemake.input.units)
shown = units[units["usable"] & ~units["flagged"]]
rows = shown.sample(min(4, len(shown)), random_state=params.seed).index.to_numpy()
stacks = [np.load(path, mmap_mode="r") for path in snakemake.input.pixels]
features.check_alike(stacks, snakemake.input.pixels)
images = features.gather(stacks, features.unit_places(stacks)[rows]).astype(np.float32)
write_array(augmentation.preview(images, params.augmentation, params.seed, 5), snakemake.output[0])
