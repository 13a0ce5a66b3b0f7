"""Train StarDist on annotated images, and tune its thresholds."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.core.files import write_json, write_parquet
from moascope.pipeline import devices, run_summary
from moascope.segmentation.data.dataset import AnnotatedSet
from moascope.segmentation.implementations import stardist

params = snakemake.params
device = devices.choose_for(params.compute["gpu"], "TensorFlow", stardist.sees_gpu)
with AnnotatedSet(snakemake.input.images, snakemake.input.table) as annotated:
    out = snakemake.output.model
    history = stardist.fit(annotated, params.options, out, seed=params.seed)
write_parquet(history, snakemake.output.history)
write_json(run_summary.computed_with("tensorflow", device), snakemake.output.device)
