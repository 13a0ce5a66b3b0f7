"""Augment a few units, for a picture of what training sees."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.pipeline import devices

params = snakemake.params
devices.choose("never", params.compute["keras_backend"])

import numpy as np

from moascope.classification import streaming
from moascope.classification.training import augmentation
from moascope.classification.training.options import Augmentation
from moascope.core.files import read_array, read_parquet, write_array
from moascope.core.options import restore

units = read_parquet(snakemake.input.units)
shown = units[units["usable"] & ~units["flagged"]]
rows = shown.sample(min(4, len(shown)), random_state=params.seed).index.to_numpy()
stacks = [read_array(path, mapped=True) for path in snakemake.input.pixels]
streaming.check_alike(stacks, snakemake.input.pixels)
images = streaming.gather(stacks, streaming.unit_places(stacks)[rows]).astype(np.float32)
augmentations = [restore(Augmentation, each) for each in params.augmentation]
write_array(augmentation.preview(images, augmentations, params.seed, 5), snakemake.output[0])
