"""Write the images of a plate and the objects in them to one store."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.images.label_store import join_labels

join_labels(snakemake.input.store, snakemake.input.labels, snakemake.output[0])
