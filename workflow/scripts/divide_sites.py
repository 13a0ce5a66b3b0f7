"""Write what each stage needs to know of a plate to a file of its own."""

from _job import start

start(snakemake.log[0])

import pandas as pd

from moascope import screen

plates, output = snakemake.params.plates, snakemake.output
screen.divide_sites(
    pd.read_parquet(snakemake.input[0]),
    snakemake.params.screen,
    dict(zip(plates, output.files, strict=True)),
    dict(zip(plates, output.roles, strict=True)),
)
