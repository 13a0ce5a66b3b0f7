"""The bad wells that a simulated screen was given, against the sites that were flagged."""

import pandas as pd


def check_planted(results, n_bad):
    """Check that all of `n_bad` planted sites are flagged, and hardly any other."""
    quality = pd.read_parquet(results / "quality.parquet")
    truth = pd.concat([pd.read_parquet(path) for path in results.glob("simulated/*/truth.parquet")])
    truth["site_id"] = truth["plate"] + "/" + truth["well"] + "/" + truth["site"].astype(str)
    both = quality.merge(truth, on="site_id", validate="1:1")
    bad = both["planted_problem"] != ""
    assert bad.sum() == n_bad
    assert both.loc[bad, "flagged"].all()
    assert both.loc[~bad, "flagged"].mean() <= 0.02
