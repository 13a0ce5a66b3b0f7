"""Check a split for leaks between its sets."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.core.files import read_parquet, write_json
from moascope.core.options import restore
from moascope.splits import audit as leakage
from moascope.splits import image_leakage, independence
from moascope.splits.options import Audit, Split

options = restore(Audit, snakemake.params.options)
images = image_leakage.reduce_images(snakemake.input.pixels) if options.images else None
audit = leakage.audit(
    read_parquet(snakemake.input.units),
    read_parquet(snakemake.input.split),
    read_parquet(snakemake.input.groups),
    options,
    images,
    held_out=independence.held_out_columns(restore(Split, snakemake.params.split)),
    threads=snakemake.threads,
)
leakage.raise_if_leaking(audit, snakemake.wildcards.split, options.on_leak)
write_json(audit, snakemake.output[0])
