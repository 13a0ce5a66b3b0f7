"""Flag bad sites of a plate, normalize its images and write them at training resolution."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.core.files import read_array, read_parquet, write_parquet
from moascope.images.plate_store import PlateStore
from moascope.preprocessing import cell_units, handcrafted_features, normalization, quality, units

params, output = snakemake.params, snakemake.output
roles = read_parquet(snakemake.input.roles)
ingested = read_parquet(snakemake.input.ingested)
flagged = quality.flag(ingested[ingested["status"] == "ok"], params.quality)
with PlateStore(snakemake.input.store) as store:
    statistics = normalization.fit_plate(
        store, units.with_flags(roles, flagged), params.steps, params.treated_in_statistics
    )
    given = (roles, flagged, statistics, params.steps)
    if params.cells is None:
        table = units.prepare_plate(
            store, *given, out_npy=output.pixels, brightfield=params.brightfield, **params.units
        )
    else:
        with PlateStore(snakemake.input.labels) as labels:
            table = cell_units.prepare_plate(
                store,
                labels,
                *given,
                output.pixels,
                **params.cells,
                size=params.units["size"],
                seed=params.seed,
            )
pixels = read_array(output.pixels, mapped=True)
features = {
    kind: handcrafted_features.image_features(pixels, kind)
    for kind in handcrafted_features.FEATURES
}
flags = flagged[["site_id", "flagged", "reasons"]]
write_parquet(ingested.merge(flags, on="site_id", how="left"), output.quality)
write_parquet(statistics, output.statistics)
write_parquet(table.join(handcrafted_features.as_columns(features)), output.units)
