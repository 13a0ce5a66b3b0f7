"""Measure the objects of one plate."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.core.files import read_parquet
from moascope.core.options import restore
from moascope.preprocessing import quality
from moascope.preprocessing.quality_measures.options import Quality
from moascope.profiling import measure_plate

given, params = snakemake.input, snakemake.params
ingested = read_parquet(given.ingested)
flagged = quality.flag(
    ingested[ingested["status"] == "ok"], options=restore(Quality, params.quality)
)
measure_plate.measure_plate(
    given.store, given.labels, flagged, snakemake.output[0], objects=params.objects
)
