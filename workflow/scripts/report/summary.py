"""Summary of the run for programs: summary.json."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.core.files import read_json, write_json
from moascope.core.options import restore
from moascope.pipeline import versions
from moascope.report import summary
from moascope.screen.wording import MECHANISM, words_of
from moascope.segmentation.engines.options.training import NetworkTraining

params, given = snakemake.params, snakemake.input
options = summary.SummaryOptions(
    run=params.run,
    models=params.models,
    splits=params.splits,
    engines=params.engines,
    training={name: restore(NetworkTraining, each) for name, each in params.training.items()},
    objects=params.cells["name"],
    measured_with=params.cells["engine"],
    words=words_of(params.words["format"], params.words["label_name"])
    if params.words
    else MECHANISM,
)
notes = [read_json(path) for path in given.devices]
environment = versions.environment(notes, params.seed)
content = summary.collect(dict(given.items()), options, environment)
write_json(content, snakemake.output[0])
