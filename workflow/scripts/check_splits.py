"""Check that the screen can be split as configured, before any image is read."""

from _job import start

start(snakemake.log[0])

import pandas as pd

from moascope import splits
from moascope.files import write_json

params = snakemake.params
sites = pd.read_parquet(snakemake.input.sites)
for options in params.splits.values():
    splits.check_sites(sites, options, params.seed, tiles=params.tiles)
write_json({"splits": list(params.splits)}, snakemake.output[0])
