"""Fit a head to all labelled units and save it with its backbone as one model."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.pipeline import devices

given, params = snakemake.input, snakemake.params
devices.choose("never", params.compute["keras_backend"])

from moascope.classification import features, final_model, predictions, saved_model, selection
from moascope.classification.training.options import Training
from moascope.core.files import read_array, read_parquet
from moascope.core.options import restore
from moascope.networks import backbones, feature_columns
from moascope.networks.keras_defaults import keras
from moascope.networks.options import FrozenNetwork
from moascope.splits import independence, inner_folds
from moascope.splits.options import Split

if params.weights_seed is not None:
    keras.utils.set_random_seed(params.weights_seed)
unit_shape = read_array(given.pixels, mapped=True).shape[1:3]
units, members = read_parquet(given.units), read_parquet(given.groups)
classes, labels = predictions.class_indices(units, members)
table = read_array(given.features, mapped=True)
blocks = feature_columns.read_blocks(given.columns or None)
choices = selection.read_choices(params.candidates)
candidates = selection.candidates_of(choices, blocks, table.shape[1])
held_out = independence.held_out_columns(restore(Split, params.split))
chosen, scores = selection.choose_once(table, units, members, candidates, held_out, params.seed)
choice, training = choices[chosen.name], params.options["training"]
head = final_model.fit_final_head(
    table[:, chosen.columns],
    labels,
    classes,
    chosen.head,
    training and restore(Training, training),
    params.seed,
    inner_folds.inner_groups(units, members, held_out),
)
extractor = None
if feature_columns.NETWORK in choice.features:
    seen = {"feature_layers": choice.feature_layers, "pooling": choice.pooling}
    network = restore(FrozenNetwork, {**params.options["network"], **seen})
    backbone = backbones.build_extractor(network, params.channels, unit_shape)
    extractor = features.with_views(backbone, network.views, unit_shape)
n_network = 0 if extractor is None else extractor.output_shape[-1]
saved_model.save_classifier(
    final_model.classifier(extractor, head, len(chosen.columns) - n_network),
    snakemake.output[0],
    classes,
    read_parquet(given.statistics),
    dict(params.items()),
    unit_shape=unit_shape,
    choice=scores,
)
