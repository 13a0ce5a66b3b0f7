"""Tune the classical method on the validation images."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from dataclasses import asdict

from moascope.core.files import write_json
from moascope.segmentation.data.dataset import AnnotatedSet
from moascope.segmentation.implementations import classical

with AnnotatedSet(snakemake.input.images, snakemake.input.table) as annotated:
    # More images than this change nothing but the time it takes.
    rows = annotated.spread("validation", 24)
    samples = [(annotated.image(row), annotated.labels(row)) for row in rows]
    groups = annotated.groups(rows)
parameters = classical.tune_with(snakemake.params.options, samples, groups=groups)
write_json(asdict(parameters), snakemake.output[0])
