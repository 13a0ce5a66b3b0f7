"""Join the features of a network and the hand-crafted ones, or take the latter alone."""

from _job import start

start(snakemake.log[0])

from moascope import handmade

network = snakemake.input.features or None
handmade.join(network, snakemake.input.units, snakemake.output[0])
