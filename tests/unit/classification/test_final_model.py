import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

from moascope.classification import features, final_model, saved_model
from moascope.classification.heads.registry import read_options
from moascope.classification.training.options import Training
from moascope.core.errors import InputError
from moascope.networks import backbones, saving
from moascope.networks.registry import ChannelMapping
from moascope.preprocessing import handcrafted_features

GRAINS = ["fine", "middling", "rough"]


ABOUT = {"channels": ["a", "b", "c"], "normalization": {"steps": []}, "unit_size": 32}


def units_of_three_classes(n=24, side=32):
    """Units whose brightness and grain tell their class, with a channel that never varies."""
    rng = np.random.default_rng(5)
    codes = np.arange(n) % 3
    grain = rng.random((n, side, side, 3)) * (0.1 + 0.2 * codes)[:, None, None, None]
    grain[..., 2] = 0.25
    return (grain + rng.random((n, 1, 1, 1)) * 0.1).astype("float16"), codes


@pytest.mark.parametrize("kind", ["lda", "logistic", "svm", "gradient-boosting", "mlp"])
@pytest.mark.parametrize("seen", [["network", "hand-crafted"], ["hand-crafted"], ["network"]])
def test_a_loaded_classifier_predicts_what_its_head_does(tmp_path, seen, kind):
    units, codes = units_of_three_classes()
    np.save(tmp_path / "units.npy", units)
    extractor, parts, n_crafted = None, [], 0
    if "network" in seen:
        mapping = ChannelMapping("rgb")
        feature_layers = ["block2_add"]
        network = backbones.build(
            *("efficientnet-lite0", "imagenet", None, ["a", "b", "c"], mapping, feature_layers),
            unit_shape=(32, 32),
        )
        features.extract(network, [tmp_path / "units.npy"], None, tmp_path / "f.npy", views=4)
        extractor = features.with_views(network, 4, (32, 32))
        parts.append(np.load(tmp_path / "f.npy"))
    if "hand-crafted" in seen:
        parts.append(handcrafted_features.image_features(units, "hand-crafted"))
        n_crafted = parts[-1].shape[1]
    table = np.hstack(parts)
    options = {
        "lda": {"type": "lda", "shrinkage": "auto"},
        "logistic": {"type": "logistic", "C": 1.0},
        "svm": {"type": "svm", "C": 10.0, "gamma": "scale"},
        "gradient-boosting": {
            **{"type": "gradient-boosting", "n_estimators": 20},
            **{"learning_rate": 0.1, "max_depth": 3},
        },
        "mlp": {"type": "mlp", "hidden": [4], "dropout": 0.0, "l2": 0.0},
    }[kind]
    training = Training(epochs=2, batch_size=8, learning_rate=2e-3)
    head = final_model.fit_final_head(table, codes, GRAINS, read_options(options), training, seed=0)
    expected = (
        head.predict_on_batch(table) if kind == "mlp" else softmax(head.logits(table), axis=1)
    )
    statistics = pd.DataFrame({"plate": ["P1"]})
    saved_model.save_classifier(
        *(
            final_model.classifier(extractor, head, n_crafted),
            tmp_path / "m.keras",
            GRAINS,
        ),
        *(statistics, ABOUT),
        unit_shape=(32, 32),
    )
    model, about = saving.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(final_model.predict_units(model, units), expected, atol=1e-4)
    names = {"network": "image", "hand-crafted": "hand_crafted"}
    assert [entry["name"] for entry in about["inputs"]] == [names[name] for name in seen]
    assert about["unit_shape"] == [32, 32]
    if n_crafted:
        assert about["inputs"][-1]["shape"] == [n_crafted]
        assert (
            "moascope.preprocessing.handcrafted_features.image_features"
            in about["inputs"][-1]["content"]
        )
        with pytest.raises(InputError, match=r"hand-crafted features, and the model takes"):
            final_model.predict_units(model, units[:, :8, :8])
