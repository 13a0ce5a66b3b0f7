"""Pack the sites of a screen whose objects are known."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.core.files import read_parquet, read_tables
from moascope.segmentation.data import dataset, from_screen

params = snakemake.params
stores = dict(zip(params.plates, snakemake.input.stores, strict=True))
with from_screen.StoreReader(stores, params.channels) as reader:
    masks = read_parquet(snakemake.input.masks)
    rows = from_screen.choose(masks, params.sets, params.per_set, reader.places)
    dataset.write(
        rows,
        params.channels,
        snakemake.output.images,
        snakemake.output.table,
        read_image=reader.read,
        binary_masks=params.binary_masks,
        max_gigabytes=params.max_gigabytes,
        split_parts=params.split_disconnected,
        ignored=params.ignore_label,
        as_read=from_screen.sizes_as_read(read_tables(snakemake.input.ingested)),
        size_rule=params.size_rule,
        pixel_size_um=reader.pixel_size_um(),
        workers=snakemake.threads,
    )
