"""Tables of units, site by site."""

import pandas as pd

from moascope.core.options import restore
from moascope.splits import independence, make
from moascope.splits.options import Split


def units_table(rows, sites=2):
    """A units table from rows (moa, compound, batch, plate, well), `sites` units each."""
    records = [
        {
            "unit_id": f"{plate}/{well}/{site}",
            "site_id": f"{plate}/{well}/{site}",
            "plate": plate,
            "well": well,
            "site": str(site),
            "field": f"{plate}/{well}/{site}",
            "batch": batch,
            "compound": compound,
            "treatment": f"{compound}@1",
            "moa": moa,
            "role": "control" if compound == "DMSO" else "treated",
            "flagged": False,
            "usable": True,
        }
        for moa, compound, batch, plate, well in rows
        for site in range(1, sites + 1)
    ]
    return pd.DataFrame(records)


def screen(n_classes=3, n_compounds=3, n_batches=2, sites=2):
    """Every compound once in every batch, one plate per batch."""
    rows = []
    for batch in range(n_batches):
        for i in range(n_classes * n_compounds):
            well = f"{'ABCDEFGH'[i // 12]}{i % 12 + 1:02d}"
            moa, compound = f"moa{i // n_compounds}", f"compound{i}"
            rows.append((moa, compound, f"Week{batch + 1}", f"plate{batch + 1}", well))
    return units_table(rows, sites)


def leave_one_out(method, **options):
    return {"method": f"leave-one-{method}-out", **options}


def fixed(tmp_path, text):
    path = tmp_path / "split.csv"
    path.write_bytes(text.encode())
    return {"method": "fixed", "file": str(path)}


def make_split(units, options, seed=0):
    """Split with options by key."""
    return make.make_split(units, restore(Split, options), seed)


def check_sites(sites, options, seed=0, **more):
    """Check sites with options by key."""
    return make.check_sites(sites, restore(Split, options), seed, **more)


def held_out_columns(options):
    """Return the columns that options by key hold out."""
    return independence.held_out_columns(restore(Split, options))
