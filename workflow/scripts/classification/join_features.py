"""Join the features of a network and the hand-crafted ones, or take the latter alone."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.preprocessing import handcrafted_features

network = snakemake.input.features or None
handcrafted_features.join(network, snakemake.input.units, snakemake.output[0])
