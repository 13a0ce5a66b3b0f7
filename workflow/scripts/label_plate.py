"""Write the images of a plate and the objects in them to one store."""

from _job import start

start(snakemake.log[0])

from moascope.stores import join_labels

join_labels(snakemake.input.store, snakemake.input.labels, snakemake.output[0])
