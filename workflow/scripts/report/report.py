"""Report of the run, and its figures as files."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

import json
from pathlib import Path

from moascope.core.files import atomic_path
from moascope.report import context as report_context
from moascope.report import page, segmentation

given, params = dict(snakemake.input.items()), snakemake.params
config = json.loads(params.config)
context = report_context.load_context(
    report_context.ReportFiles(
        summary=given["summary"],
        screen=report_context.screen_files(
            given,
            list(config["splits"]),
            list(config["models"]),
            params.curves,
            list(config["ensembles"]),
            params.explained,
        ),
        segmentation=segmentation.segmentation_files(given, params.engines, params.learning),
    ),
    config,
)
figures = Path(snakemake.output.html).with_name("figures")
for name, content in page.standalone_figures(context).items():
    with atomic_path(figures / name) as path:
        path.write_bytes(content)
with atomic_path(snakemake.output.html) as path:
    path.write_text(page.build(context), encoding="utf-8")
