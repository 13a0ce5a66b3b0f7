"""Write what each stage needs to know of a plate to a file of its own."""

from _job import start

start(snakemake.log[0])

from moascope import screen
from moascope.files import read_parquet

plates, output = snakemake.params.plates, snakemake.output
screen.divide_sites(
    read_parquet(snakemake.input[0]),
    snakemake.params.screen,
    dict(zip(plates, output.files, strict=True)),
    dict(zip(plates, output.roles, strict=True)),
)
