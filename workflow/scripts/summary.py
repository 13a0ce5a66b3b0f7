"""Write what a program reads: summary.json."""

from _job import start

start(snakemake.log[0])

import json
from pathlib import Path

import pandas as pd

from moascope import summary
from moascope.files import write_json


def read(paths):
    return [json.loads(Path(path).read_text(encoding="utf-8")) for path in paths]


params = snakemake.params
content = summary.build(
    params.run,
    read([snakemake.input.inputs])[0],
    summary.count_quality(pd.read_parquet(snakemake.input.quality)),
    dict(zip(params.models, read(snakemake.input.evaluations), strict=True)),
    dict(zip(params.splits, read(snakemake.input.audits), strict=True)),
    summary.environment(read(snakemake.input.devices), params.seed),
)
write_json(content, snakemake.output[0])
