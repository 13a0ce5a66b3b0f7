"""Random samples of rows."""

import numpy as np

from moascope.classification.evaluation import sampling


def test_refits_of_many_units_use_as_many_of_each_compound():
    chosen = sampling.sample_alike(np.repeat([0, 1, 2, -1], [100, 5, 50, 9]), 45, seed=0)
    assert chosen.sum() == 45
    assert chosen[100:105].all()
    assert chosen[:100].sum() == chosen[105:155].sum() == 20
    assert not chosen[155:].any()
