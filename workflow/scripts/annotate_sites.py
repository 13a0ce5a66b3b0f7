"""Pack the sites of a screen whose objects are known."""

from _job import start

start(snakemake.log[0])

from moascope import annotated, annotated_sites
from moascope.files import read_parquet, read_tables

params = snakemake.params
stores = dict(zip(params.plates, snakemake.input.stores, strict=True))
with annotated_sites.StoreReader(stores, params.channels) as reader:
    masks = read_parquet(snakemake.input.masks)
    rows = annotated_sites.choose(masks, params.sets, params.per_set, reader.places)
    annotated.write(
        rows,
        params.channels,
        snakemake.output.images,
        snakemake.output.table,
        read_image=reader.read,
        binary_masks=params.binary_masks,
        max_gigabytes=params.max_gigabytes,
        split_parts=params.split_merged,
        ignored=params.ignore_label,
        as_read=annotated_sites.sizes_as_read(read_tables(snakemake.input.ingested)),
        size_rule=params.size_rule,
        pixel_size_um=reader.pixel_size_um(),
        workers=snakemake.threads,
    )
