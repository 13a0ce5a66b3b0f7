"""Join what the folds of a model predicted."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

import numpy as np

from moascope.core.files import (
    read_array,
    read_json,
    read_tables,
    write_array,
    write_json,
    write_parquet,
)

predictions = read_tables(snakemake.input.predictions)
embeddings = [read_array(path) for path in snakemake.input.embedding]
notes = [read_json(path) for path in snakemake.input.device]
write_parquet(predictions, snakemake.output.predictions)
write_parquet(read_tables(snakemake.input.history), snakemake.output.history)
write_array(np.concatenate(embeddings), snakemake.output.embedding)
write_json(
    {**notes[0], "device": "; ".join(sorted({note["device"] for note in notes}))},
    snakemake.output.device,
)
