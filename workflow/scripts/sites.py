"""Validate the sample sheet and write the site tables."""

from _job import start

start(snakemake.log[0])

from moascope import screen
from moascope.files import write_json

options = snakemake.params.options
if options["format"] == "simulate":
    options = {**options, "format": "table", "sheet": list(snakemake.input.sheets)}
sites = screen.read_sites(options)
plates, output = snakemake.params.plates, snakemake.output
screen.write_site_tables(
    sites,
    output.sites,
    dict(zip(plates, output.files, strict=True)),
    dict(zip(plates, output.roles, strict=True)),
    output.masks,
)
write_json({**screen.summarise(sites), "digest": screen.digest(sites)}, output.summary)
