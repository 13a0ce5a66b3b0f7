"""Normalize the images of a plate and write them at training resolution."""

from _job import start

start(snakemake.log[0])

import numpy as np
import pandas as pd

from moascope import handmade, normalization, units
from moascope.files import write_arrays, write_parquet
from moascope.stores import PlateStore

params = snakemake.params
sites = pd.read_parquet(snakemake.input.sites)
quality = pd.read_parquet(snakemake.input.quality)
with PlateStore(snakemake.input.store) as store:
    statistics = normalization.fit_plate(
        store, units.with_flags(sites, quality), params.steps, params.treated_in_statistics
    )
    table = units.prepare_plate(
        store,
        sites,
        quality,
        statistics,
        params.steps,
        out_npy=snakemake.output.pixels,
        **params.units,
    )
write_parquet(statistics, snakemake.output.statistics)
write_parquet(table, snakemake.output.units)
pixels = np.load(snakemake.output.pixels, mmap_mode="r")
write_arrays(
    {kind: handmade.image_features(pixels, kind) for kind in handmade.FEATURES},
    snakemake.output.baseline,
)
