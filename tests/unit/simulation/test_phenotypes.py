"""Treatments of the synthetic screen."""

import pandas as pd
from simulated_fields import WHOLE

from moascope.simulation import phenotypes


def test_the_whole_screen_has_54_treatments_of_18_compounds():
    listed = phenotypes.treatments(WHOLE)
    assert len({(t.compound, t.concentration) for t in listed}) == 54
    assert len({t.compound for t in listed}) == 18
    assert len({t.moa for t in listed}) == 6


def test_effect_grows_with_dose():
    listed = pd.DataFrame(
        [(t.compound, t.concentration, t.effect) for t in phenotypes.treatments(WHOLE, seed=1)],
        columns=["compound", "concentration", "effect"],
    ).sort_values("concentration")
    assert listed.groupby("compound")["effect"].apply(lambda e: e.is_monotonic_increasing).all()
