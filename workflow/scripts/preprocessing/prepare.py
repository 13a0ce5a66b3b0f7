"""Flag bad sites of a plate, normalize its images and write them at training resolution."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/../..")

from moascope.pipeline import job

job.start(snakemake.log[0])

from moascope.core.files import read_parquet, write_parquet
from moascope.core.options import restore
from moascope.images.plate_store import PlateStore
from moascope.preprocessing import normalization, plate_units, quality, units
from moascope.preprocessing.normalization_methods.options import Normalization
from moascope.preprocessing.options import Units
from moascope.preprocessing.quality_measures.options import Quality

paths, params, output = snakemake.input, snakemake.params, snakemake.output
steps = restore(Normalization, params.normalization)
sites, measured = read_parquet(paths.roles), read_parquet(paths.ingested)

with PlateStore(paths.store) as store:
    readable = measured[measured["status"] == "ok"]
    flagged = quality.flag(readable, options=restore(Quality, params.quality))
    statistics = normalization.fit_plate(
        store, sites=units.with_flags(sites, flagged), options=steps
    )
    table = plate_units.write_units(
        store,
        labels=paths.labels or None,
        sites=sites,
        quality=flagged,
        statistics=statistics,
        normalization=steps,
        options=restore(Units, params.units),
        brightfield=params.brightfield,
        seed=params.seed,
        out_npy=output.pixels,
    )

flags = flagged[["site_id", "flagged", "reasons"]]
write_parquet(measured.merge(flags, on="site_id", how="left"), output.quality)
write_parquet(statistics, output.statistics)
write_parquet(table, output.units)
