"""Fit a head to all labelled units and save it with its backbone as one model."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.pipeline import devices

given, params = snakemake.input, snakemake.params
devices.choose("never", params.compute["keras_backend"])

from moascope.classification import extractors, final_model, predictions, saved_model, selection
from moascope.classification.training.options import Training
from moascope.core.files import read_array, read_parquet
from moascope.core.options import restore
from moascope.networks.feature_columns import read_blocks
from moascope.networks.options import FrozenNetwork
from moascope.splits import independence, inner_folds
from moascope.splits.options import Split

shape = read_array(given.pixels, mapped=True).shape[1:3]
units, members = read_parquet(given.units), read_parquet(given.groups)
classes, labels = predictions.class_indices(units, members)
table = read_array(given.features, mapped=True)
choices = selection.read_choices(params.candidates)
candidates = selection.candidates_of(choices, read_blocks(given.columns or None), table.shape[1])
held_out = independence.held_out_columns(restore(Split, params.split))
chosen, scores = selection.choose_once(table, units, members, candidates, held_out, params.seed)
training = restore(Training, params.training) if params.training else None
groups = inner_folds.inner_groups(units, members, held_out)
seen = table[:, chosen.columns]
head = final_model.fit_final_head(seen, labels, classes, chosen.head, training, params.seed, groups)
network = restore(FrozenNetwork, params.network) if params.network else None
extractor = extractors.build_for_choice(
    choices[chosen.name], network, params.channels, shape, params.weights_seed
)
model = final_model.classifier(extractor, head, seen.shape[1] - extractors.count_outputs(extractor))
statistics, keys = read_parquet(given.statistics), dict(params.items())
saved_model.save_classifier(
    model, snakemake.output[0], classes, statistics, keys, unit_shape=shape, choice=scores
)
