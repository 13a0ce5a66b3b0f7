"""Check that the screen can be split as configured, before any image is read."""

from _job import start

start(snakemake.log[0])

from moascope import splits
from moascope.errors import InputError
from moascope.files import read_parquet, write_json

params = snakemake.params
sites = read_parquet(snakemake.input.sites)
problems = []
for name, options in params.splits.items():
    try:
        splits.check_sites(sites, options, params.seed, params.tiles, params.audited[name])
    except InputError as error:
        problems.append(f"splits.{name}: {error}")
if problems:
    raise InputError.collect(problems, "the screen cannot be split as configured")
write_json({"splits": list(params.splits)}, snakemake.output[0])
