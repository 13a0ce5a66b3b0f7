"""Simulate one plate of the synthetic screen."""

import sys
from pathlib import Path

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.core.files import atomic_path, write_parquet
from moascope.screen.plates import simulated_plates
from moascope.simulation.screen import simulate_plate

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
