"""Write what a person opens: the report, and its figures as files."""

from _job import start

start(snakemake.log[0])

import json
from pathlib import Path

from moascope import report, report_context, report_segmentation
from moascope.files import atomic_path

given, params = dict(snakemake.input.items()), snakemake.params
config = json.loads(params.config)
context = report.load_context(
    {
        "summary": given["summary"],
        "screen": report_context.screen_files(given, config, params.curves),
        "segmentation": report_segmentation.files(given, params.engines, params.learning),
    },
    config,
)
figures = Path(snakemake.output.html).with_name("figures")
for name, content in report.standalone_figures(context).items():
    with atomic_path(figures / name) as path:
        path.write_bytes(content)
with atomic_path(snakemake.output.html) as path:
    path.write_text(report.build(context), encoding="utf-8")
