"""Fit a head to all labelled units and save it with its backbone as one model."""

from _job import start

start(snakemake.log[0])

from moascope import devices

params = snakemake.params
options, compute = params.options, params.compute
devices.choose("never", compute["keras_backend"])

import keras

from moascope import backbones, features, heads, training
from moascope.files import read_array, read_parquet

if params.weights_seed is not None:
    keras.utils.set_random_seed(params.weights_seed)
unit_shape = read_array(snakemake.input.pixels, mapped=True).shape[1:3]
backbone = backbones.from_options(options, params.channels, unit_shape)
units = read_parquet(snakemake.input.units)
classes, labels = heads.class_indices(units, read_parquet(snakemake.input.groups))
head = training.fit_final_head(
    read_array(snakemake.input.features, mapped=True), labels, classes, params.head, params.seed
)
extractor = features.with_views(backbone, options["views"], unit_shape)
training.save_classifier(
    training.classifier(extractor, head),
    snakemake.output[0],
    classes,
    read_parquet(snakemake.input.statistics),
    dict(params.items()),
)
