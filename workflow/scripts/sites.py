"""Validate the sample sheet and write the table of all sites."""

from _job import start

start(snakemake.log[0])

import sys

from moascope import first_images, screen
from moascope.files import write_json

options, output = snakemake.params.options, snakemake.output
if options["format"] == "simulate":
    options = {**options, "format": "table", "sheet": list(snakemake.input.sheets)}
sites, notes = screen.read_screen(options)
if notes:
    print("\n".join(f"- {note}" for note in notes) + "\n", file=sys.stderr)
if snakemake.params.reads_images:
    first_images.check_first_images(sites, snakemake.params.axes, options["on_bad_image"])
screen.write_sites(sites, output.sites, output.masks)
facts = {**screen.summarise(sites), "digest": screen.digest(sites), "notes": notes}
write_json(facts, output.summary)
