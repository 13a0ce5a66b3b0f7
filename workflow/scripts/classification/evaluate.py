"""Score the predictions of a model and compare them with the baselines."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.classification import selection
from moascope.classification.evaluation import scoring
from moascope.classification.evaluation.levels import Design
from moascope.classification.evaluation.options import Evaluation
from moascope.core.files import read_parquet, write_json

given, params = snakemake.input, snakemake.params
baselines = read_parquet(given.baselines)
scores = scoring.evaluate(
    read_parquet(given.predictions),
    read_parquet(given.units),
    Evaluation.model_validate(params.options),
    baselines=dict(list(baselines.groupby("baseline", sort=False))),
    models={
        name: read_parquet(path)
        for name, path in zip(params.others, given.get("others", []), strict=True)
    },
    refits=read_parquet(given.null) if given.get("null") else None,
    unit=params.unit,
    split=params.split,
    held_out=params.held_out,
    design=Design(**params.design),
    seed=params.seed,
)
if given.get("selection"):
    scores["selection"] = selection.summary(read_parquet(given.selection))
write_json(scores, snakemake.output[0])
