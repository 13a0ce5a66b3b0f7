"""Join the predictions of the members of an ensemble."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.classification.ensembles.options import Ensemble
from moascope.classification.ensembles.voting import combine
from moascope.core.files import read_parquet, write_parquet
from moascope.core.options import restore

options = restore(Ensemble, snakemake.params.options)
tables = {
    name: read_parquet(path)
    for name, path in zip(options.members, snakemake.input.predictions, strict=True)
}
write_parquet(combine(tables, options), snakemake.output.predictions)
