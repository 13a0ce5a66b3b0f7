"""The bad wells that a simulated screen was given, against the sites that were flagged."""

import pandas as pd


def with_truth(results, table):
    """Read a table of sites, and join what is known of them."""
    truth = pd.concat([pd.read_parquet(path) for path in results.glob("simulated/*/truth.parquet")])
    truth["site_id"] = truth["plate"] + "/" + truth["well"] + "/" + truth["site"].astype(str)
    truth = truth[["site_id", "planted_problem", "n_nuclei"]]
    return pd.read_parquet(results / table).merge(truth, on="site_id", validate="1:1")


def check_empty_wells(results, n_empty, most):
    """Check that planted empty wells have hardly any object, and the others about their nuclei."""
    counts = with_truth(results, "cell_counts.parquet")
    empty = counts["planted_problem"] == "empty"
    assert empty.sum() == n_empty
    assert counts.loc[empty, "flagged"].all()
    assert counts.loc[empty, "count"].max() <= most
    good = counts[counts["planted_problem"] == ""]
    assert 0.85 < good["count"].sum() / good["n_nuclei"].sum() < 1.1


def check_planted(results, n_bad):
    """Check that all of `n_bad` planted sites are flagged, and hardly any other."""
    both = with_truth(results, "quality.parquet")
    bad = both["planted_problem"] != ""
    assert bad.sum() == n_bad
    assert both.loc[bad, "flagged"].all()
    assert both.loc[~bad, "flagged"].mean() <= 0.02
