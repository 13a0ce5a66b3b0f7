"""Check that the screen can be split as configured, before any image is read."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

import logging
import sys

from moascope.core.errors import InputError
from moascope.core.files import read_parquet, write_json
from moascope.core.options import restore
from moascope.splits.options import Audit, Split
from moascope.splits.preview import check_splits

params = snakemake.params
checked = check_splits(
    read_parquet(snakemake.input.sites),
    {name: restore(Split, values) for name, values in params.splits.items()},
    {name: restore(Audit, values) for name, values in params.audits.items()},
    seed=params.seed,
    tiles=params.tiles,
)
for text in checked.texts:
    logging.getLogger("check_splits").info("%s", text)
    print(f"{text}\n", file=sys.stderr)
if checked.problems:
    raise InputError.collect(checked.problems, "the screen cannot be split as configured")
write_json({"splits": list(params.splits), "counts": checked.counts}, snakemake.output[0])
