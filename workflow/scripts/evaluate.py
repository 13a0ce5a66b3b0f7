"""Score the predictions of a model beside the baselines."""

from _job import start

start(snakemake.log[0])

from moascope import evaluation, selection
from moascope.files import read_parquet, write_json
from moascope.levels import Design

given, params = snakemake.input, snakemake.params
baselines = read_parquet(given.baselines)
scores = evaluation.evaluate(
    read_parquet(given.predictions),
    read_parquet(given.units),
    params.options,
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
