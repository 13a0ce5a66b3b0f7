"""Explanations are read by model."""

import numpy as np
import pandas as pd

from moascope.classification.explanation.files import Explanation, write_maps
from moascope.core.files import write_parquet
from moascope.report.explanations.content import load_explanations


def test_maps_and_scores_are_read_by_model(tmp_path):
    units = pd.DataFrame({"unit_id": ["u"], "moa": ["a"], "predicted": ["b"]})
    scores = pd.DataFrame({"method": ["unaltered"], "accuracy": [0.5]})
    write_maps(
        Explanation(units, {"grad-cam": np.ones((1, 2, 2), np.float16)}, scores), tmp_path / "m.h5"
    )
    write_parquet(scores, tmp_path / "m.parquet")
    found = load_explanations({"m": (tmp_path / "m.h5", tmp_path / "m.parquet")})
    assert list(found) == ["m"]
    assert found["m"].units["predicted"].tolist() == ["b"]
    assert found["m"].scores["accuracy"].tolist() == [0.5]
    assert load_explanations({}) == {}
