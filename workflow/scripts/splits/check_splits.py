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
from moascope.splits import independence, make
from moascope.splits.options import Audit, Split
from moascope.splits.preview import preview

log = logging.getLogger("check_splits")
params = snakemake.params
sites = read_parquet(snakemake.input.sites)
problems, counts = [], {}
for name, values in params.splits.items():
    options, audit = restore(Split, values), restore(Audit, params.audits[name])
    try:
        planned = make.check_sites(
            sites, options, seed=params.seed, tiles=params.tiles, audited=audit.groups
        )
    except InputError as error:
        problems.append(f"splits.{name}: {error}")
        continue
    if planned is None:
        continue
    found = preview(planned, audit.groups, independence.held_out_columns(options))
    counts[name] = found.counts
    said = [*found.notes, *(found.leaks if audit.on_leak == "warn" else [])]
    text = "\n".join([f"split {name!r}, {found.table}", *(f"- {note}" for note in said)])
    log.info("%s", text)
    print(f"{text}\n", file=sys.stderr)
    if audit.on_leak == "error":
        problems += [
            f"splits.{name}: {leak} Fix: name the column under group (method group-k-fold), "
            "correct the list or the sheet, or set audit.on_leak: warn or other audit.groups"
            for leak in found.leaks
        ]
if problems:
    raise InputError.collect(problems, "the screen cannot be split as configured")
write_json({"splits": list(params.splits), "counts": counts}, snakemake.output[0])
