"""Simulate one plate of the synthetic screen."""

import sys
from pathlib import Path

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.core.files import atomic_path, write_parquet
from moascope.core.options import restore
from moascope.simulation.options import Simulate
from moascope.simulation.plates import name_plates
from moascope.simulation.screen import simulate_plate

options = restore(Simulate, snakemake.params.options)
plates = name_plates(options.plates, options.batches)
sheet, truth = simulate_plate(
    plate_index=plates.index(snakemake.wildcards.plate),
    options=options,
    folder=Path(snakemake.output.sheet).parent,
    seed=snakemake.params.seed,
)
with atomic_path(snakemake.output.sheet) as path:
    sheet.to_csv(path, index=False)
write_parquet(truth, snakemake.output.truth)
