"""Fit a head to all labelled units and save it with its backbone as one model."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.pipeline import devices

given, params = snakemake.input, snakemake.params
devices.choose("never", params.compute["keras_backend"])

from moascope.classification import features, predictions, selection
from moascope.classification.training import fine_tuning
from moascope.core.files import read_array, read_parquet
from moascope.networks import backbones, feature_columns
from moascope.networks.keras_defaults import keras
from moascope.splits import independence, inner_folds

if params.weights_seed is not None:
    keras.utils.set_random_seed(params.weights_seed)
unit_shape = read_array(given.pixels, mapped=True).shape[1:3]
units, members = read_parquet(given.units), read_parquet(given.groups)
classes, labels = predictions.class_indices(units, members)
table, network = read_array(given.features, mapped=True), params.options["network"]
blocks = feature_columns.read_blocks(given.columns or None)
candidates = selection.candidates_of(
    selection.read_choices(params.candidates), blocks, table.shape[1]
)
held_out = independence.held_out_columns(params.split)
chosen, scores = selection.choose_once(table, units, members, candidates, held_out, params.seed)
options = params.candidates[chosen.name]
head = fine_tuning.fit_final_head(
    table[:, chosen.columns],
    labels,
    classes,
    {"head": chosen.head.model_dump(), "training": params.options["training"]},
    params.seed,
    inner_folds.inner_groups(units, members, held_out),
)
extractor = None
if feature_columns.NETWORK in options["features"]:
    backbone = backbones.from_options({**network, **options}, params.channels, unit_shape)
    extractor = features.with_views(backbone, network["views"], unit_shape)
n_network = 0 if extractor is None else extractor.output_shape[-1]
fine_tuning.save_classifier(
    fine_tuning.classifier(extractor, head, len(chosen.columns) - n_network),
    snakemake.output[0],
    classes,
    read_parquet(given.statistics),
    dict(params.items()),
    unit_shape=unit_shape,
    choice=scores,
)
