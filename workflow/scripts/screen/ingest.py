"""Read the images of one plate into its store, and measure their quality."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.core.files import read_json, read_parquet, write_parquet
from moascope.images.ingest import ingest_plate
from moascope.images.plate_store import PlateStore
from moascope.preprocessing import quality

given = snakemake.input.get("common_size")
size = read_json(given)["size"] if given else None
table = ingest_plate(
    read_parquet(snakemake.input.files),
    snakemake.params.channels,
    snakemake.output.store,
    size=size and tuple(size),
    workers=snakemake.threads,
    **snakemake.params.options,
)
with PlateStore(snakemake.output.store) as store:
    measured = quality.measure_plate(store, snakemake.params.brightfield)
    measured = measured.assign(pixel_size_um=store.pixel_size_um)
measured["pixel_size_um"] = measured["pixel_size_um"].astype("float64")  # NaN where not known
write_parquet(table.merge(measured, on="site_id", how="left"), snakemake.output.table)
