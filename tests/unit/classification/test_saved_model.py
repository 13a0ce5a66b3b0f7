"""Files of classifiers."""

import keras
import pandas as pd

from moascope.classification import saved_model
from moascope.networks import saving


def test_a_saved_classifier_carries_the_statistics_of_its_plates(tmp_path):
    model = keras.Sequential(
        [keras.Input((8, 8, 2)), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    statistics = pd.DataFrame({"plate": ["P1"], "channel": ["DNA"], "mean": [0.5]})
    given = {"channels": ["DNA", "Actin"], "normalization": {"steps": []}, "unit_size": 8}
    saved_model.save_classifier(
        model, tmp_path / "m.keras", ["x", "y"], statistics, given, unit_shape=(8, 8)
    )
    _, about = saving.load_model(tmp_path / "m.keras")
    assert about["statistics"] == [{"plate": "P1", "channel": "DNA", "mean": 0.5}]
    assert about["classes"] == ["x", "y"]
    assert about["unit_shape"] == [8, 8]
