"""Write what a program reads: summary.json."""

from _job import start

start(snakemake.log[0])

from moascope import summary, verdicts
from moascope.files import read_json, read_parquet, write_json
from moascope.wording import words_of


def read(paths):
    return [read_json(path) for path in paths]


given, params = dict(snakemake.input.items()), snakemake.params
sections = {}
if "inputs" in given:
    sections = {
        "inputs": read([given["inputs"]])[0],
        "quality": summary.count_quality(read_parquet(given["quality"])),
        "evaluations": dict(zip(params.models, read(given["evaluations"]), strict=True)),
        "audits": dict(zip(params.splits, read(given["audits"]), strict=True)),
    }
    checked = [warning for found in read(given["checked_models"]) for warning in found["warnings"]]
    words = words_of(params.words)
    found = verdicts.summary_warnings(sections["evaluations"], sections["audits"], words)
    sections["warnings"] = [*checked, *found]
content = summary.build(
    params.run,
    summary.environment(read(snakemake.input.devices), params.seed),
    segmentations=dict(zip(params.engines, read(snakemake.input.segmentations), strict=True)),
    **sections,
)
write_json(content, snakemake.output[0])
