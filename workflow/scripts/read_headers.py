"""Read the sizes of the images of some plates from their headers."""

from _job import start

start(snakemake.log[0])

import pandas as pd

from moascope import image_sizes
from moascope.files import read_parquet, write_parquet

params = snakemake.params
tables = [
    image_sizes.read_sizes(
        read_parquet(path),
        params.channels,
        params.axes,
        params.max_gigabytes,
        workers=4 * snakemake.threads,
    )
    for path in snakemake.input
]
write_parquet(pd.concat(tables, ignore_index=True), snakemake.output[0])
