"""Validate the sample sheet and write the table of all sites."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

import sys

from moascope.core.files import write_json
from moascope.core.options import restore
from moascope.images import first_images
from moascope.screen import site_table
from moascope.screen.options import ScreenOptions

params, output = snakemake.params, snakemake.output
# A simulation has a sheet per plate, and its images are made with its plates.
sheets = [] if params.reads_images else list(snakemake.input.sheets)
options = restore(ScreenOptions, {**params.options, "sheets": sheets})
sites, notes = site_table.read_screen(options)
if notes:
    print("\n".join(f"- {note}" for note in notes) + "\n", file=sys.stderr)
if params.reads_images:
    first_images.check_first_images(sites, params.axes, options.input.on_bad_image)
site_table.write_sites(sites, output.sites, output.masks)
facts = {**site_table.summarise(sites), "digest": site_table.digest(sites), "notes": notes}
write_json(facts, output.summary)
