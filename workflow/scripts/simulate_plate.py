"""Simulate one plate of the synthetic screen."""

from pathlib import Path

from _job import start

start(snakemake.log[0])

from moascope.files import atomic_path, write_parquet
from moascope.plates import simulated_plates
from moascope.simulate import simulate_plate

options = snakemake.params.options
sheet, truth = simulate_plate(
    simulated_plates(options["plates"], options["batches"]).index(snakemake.wildcards.plate),
    options,
    Path(snakemake.output.sheet).parent,
    snakemake.params.seed,
)
with atomic_path(snakemake.output.sheet) as path:
    sheet.to_csv(path, index=False)
write_parquet(truth, snakemake.output.truth)
