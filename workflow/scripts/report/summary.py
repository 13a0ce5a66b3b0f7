"""Summary of the run for programs: summary.json."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.core.files import read_json, read_parquet, write_json
from moascope.core.options import restore
from moascope.pipeline import run_summary
from moascope.profiling import cell_counts
from moascope.report import verdicts
from moascope.screen.wording import words_of
from moascope.segmentation import schedule
from moascope.segmentation.engines.options.training import NetworkTraining


def read(paths):
    return [read_json(path) for path in paths]


given, params = dict(snakemake.input.items()), snakemake.params
sections = {}
if "inputs" in given:
    inputs = read([given["inputs"]])[0]
    review = read([given["review"]])[0]
    sections = {
        "inputs": {key: value for key, value in inputs.items() if key != "notes"},
        "quality": run_summary.count_quality(read_parquet(given["quality"])) | review,
        "evaluations": dict(zip(params.models, read(given["evaluations"]), strict=True)),
        "audits": dict(zip(params.splits, read(given["audits"]), strict=True)),
    }
    checks = read([*given["checked_models"], *given["sizes"]])
    checked = [warning for found in checks for warning in found.pop("warnings")]
    if given["sizes"]:
        sections["inputs"]["image_sizes"] = checks[-1]
    words = words_of(params.words)
    found = verdicts.summary_warnings(sections["evaluations"], sections["audits"], words)
    sections["warnings"] = [
        *verdicts.input_warnings(inputs["notes"]),
        *sections["quality"].pop("warnings"),
        *checked,
        *found,
    ]
if "counts" in given:
    found_cells = cell_counts.count_plates(read_parquet(given["counts"]))
    doubts = read_json(given["cell_doubts"])
    sections["cells"] = {
        **params.cells,
        "expected_diameter": doubts["expected_diameter"],
        **found_cells,
    }
    sections["warnings"] += verdicts.cell_warnings(params.cells["engine"], doubts["doubts"])
for name, path in zip(params.training, given.get("histories", []), strict=True):
    training = restore(NetworkTraining, params.training[name])
    found = schedule.stop_warnings(name, read_parquet(path), training)
    sections["warnings"] = [*sections.get("warnings", []), *found]
content = run_summary.build(
    params.run,
    run_summary.environment(read(snakemake.input.devices), params.seed),
    segmentations=dict(zip(params.engines, read(snakemake.input.segmentations), strict=True)),
    **sections,
)
write_json(content, snakemake.output[0])
