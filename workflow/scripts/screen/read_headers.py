"""Read the sizes of the images of some plates from their headers."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

import pandas as pd

from moascope.core.files import read_parquet, write_parquet
from moascope.images import sizes

params = snakemake.params
tables = [
    sizes.read_sizes(
        read_parquet(path),
        params.channels,
        params.axes,
        params.max_gigabytes,
        workers=4 * snakemake.threads,
    )
    for path in snakemake.input
]
write_parquet(pd.concat(tables, ignore_index=True), snakemake.output[0])
