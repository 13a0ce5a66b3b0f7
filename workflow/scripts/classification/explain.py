"""Explain a model: maps of what its network sees, and scores of altered units."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.pipeline import devices

given, params = snakemake.input, snakemake.params
device = devices.choose(params.compute["gpu"], params.compute["keras_backend"])

from moascope.classification import streaming
from moascope.classification.explanation.explain import explain
from moascope.classification.explanation.files import write_maps
from moascope.classification.explanation.options import Explain
from moascope.core.files import read_array, read_parquet, write_parquet
from moascope.core.options import restore
from moascope.networks.saving import load_model

devices.confirm(params.compute["gpu"], device)
stacks = [read_array(path, mapped=True) for path in given.pixels]
streaming.check_alike(stacks, given.pixels)
explanation = explain(
    snakemake.wildcards.model,
    lambda fold: load_model(given.networks[fold or 0])[0],
    stacks,
    read_parquet(given.units)["unit_id"],
    read_parquet(given.predictions),
    params.channels,
    params.methods,
    restore(Explain, params.options),
    has_folds=params.has_folds,
    seed=params.seed,
)
write_maps(explanation, snakemake.output.maps)
write_parquet(explanation.scores, snakemake.output.scores)
