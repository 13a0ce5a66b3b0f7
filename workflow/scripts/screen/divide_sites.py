"""Write what each stage needs to know of a plate to a file of its own."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.core.files import read_parquet
from moascope.screen import site_table

plates, output = snakemake.params.plates, snakemake.output
site_table.divide_sites(
    read_parquet(snakemake.input[0]),
    dict(zip(plates, output.files, strict=True)),
    dict(zip(plates, output.roles, strict=True)),
)
