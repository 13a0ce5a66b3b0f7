import keras
import numpy as np
import pytest

from moascope.classification.heads.kinds.mlp import MlpOptions
from moascope.classification.training import perceptron
from moascope.classification.training.options import Training
from moascope.core.errors import InputError

TRAINING = Training(epochs=3, batch_size=8, learning_rate=2e-3, schedule="constant")


def test_every_input_of_a_perceptron_is_part_of_the_task(monkeypatch):
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(60, 4)).astype("float32"), rng.integers(0, 2, 60)
    rows = {"train": np.arange(30), "validation": np.arange(30, 40), "test": np.arange(40, 60)}
    tasks = []

    def stop(*given):
        tasks.append(given[3].task)
        raise KeyboardInterrupt

    monkeypatch.setattr(perceptron, "fit", stop)

    def note(features=features, head=(4,), seed=0, code=""):
        options = MlpOptions(hidden=list(head), dropout=0.1)
        given = (features, labels, rows, list("ab"), options, TRAINING)
        with pytest.raises(KeyboardInterrupt):
            perceptron.fit_mlp(*given, seed=seed, checkpoint="none.npz", code=code)

    note()
    note()
    assert len(set(tasks)) == 1
    for row in range(60):
        changed = features.copy()
        changed[row, 2] += 1e-6
        note(changed)
    note(head=(5,))
    note(seed=1)
    note(code="other")
    assert len(set(tasks)) == 64


def test_mlp_separates_what_is_separable():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    features = rng.normal(size=(300, 6)).astype("float32") * 50 + 1000
    features[np.arange(300), labels] += 400
    features = np.hstack([features, np.full((300, 1), 7.0, "float32")])
    rows = {"train": np.arange(200), "validation": np.arange(200, 240), "test": np.arange(240, 300)}
    head = MlpOptions(hidden=[16], dropout=0.1, l2=1e-5)
    options = TRAINING.model_copy(update={"epochs": 20, "learning_rate": 0.01})
    result = perceptron.fit_mlp(features, labels, rows, list("abc"), head, options, seed=0)
    assert (result.predictions.argmax(axis=1) == labels[240:]).mean() > 0.95
    assert result.model.input_shape == (None, 7)


def test_a_killed_perceptron_goes_on_from_its_checkpoint(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(60, 4)).astype("float32"), rng.integers(0, 2, 60)
    rows = {"train": np.arange(30), "validation": np.arange(30, 40), "test": np.arange(40, 60)}
    head = MlpOptions(hidden=[4], dropout=0.1)
    options = TRAINING.model_copy(update={"epochs": 5, "patience": 99})
    done = []

    class KilledInTheFourth(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if len(done) == 3:
                raise KeyboardInterrupt
            done.append(epoch)

    def fit(seed=0, checkpoint=None, callbacks=()):
        given = (features, labels, rows, list("ab"), head, options)
        more = {"checkpoint": checkpoint, "callbacks": callbacks}
        return perceptron.fit_mlp(*given, seed=seed, **more)

    whole = fit()
    monkeypatch.setattr(perceptron, "_SHORT_EPOCHS", 2)
    saved = {"checkpoint": tmp_path / "fold.npz", "callbacks": [KilledInTheFourth()]}
    with pytest.raises(KeyboardInterrupt):
        fit(**saved)
    done.clear()
    resumed = fit(**saved)
    assert done == [2, 3, 4]  # the third epoch was not saved
    np.testing.assert_array_equal(resumed.predictions, whole.predictions)
    assert len(resumed.history) == 5
    again = fit(**saved)  # which is complete now: nothing is trained
    np.testing.assert_array_equal(again.predictions, whole.predictions)
    with pytest.raises(KeyboardInterrupt):
        fit(seed=1, **saved)


def test_class_weights_change_what_a_rare_class_is_worth():
    rng = np.random.default_rng(0)
    labels = (np.arange(120) % 10 == 0).astype(int)
    features = (rng.normal(size=(120, 3)) + labels[:, None]).astype("float32")
    rows = {"train": np.arange(80), "validation": np.arange(0), "test": np.arange(80, 120)}
    head = MlpOptions(hidden=[], dropout=0.0)

    def share_of_the_rare_class(class_weights):
        options = TRAINING.model_copy(
            update={"epochs": 15, "learning_rate": 0.05, "class_weights": class_weights}
        )
        given = (features, labels, rows, list("ab"), head, options)
        return perceptron.fit_mlp(*given, seed=0).predictions[:, 1].mean()

    assert share_of_the_rare_class(True) > 2 * share_of_the_rare_class(False)


def test_features_that_are_nan_are_named():
    features = np.ones((20, 3), "float32")
    features[[2, 4], 1] = np.nan
    rows = {"train": np.arange(10), "test": np.arange(10, 20)}
    given = (features, np.arange(20) % 2, rows, list("ab"), MlpOptions(), TRAINING)
    with pytest.raises(InputError, match="those of 2 training units are NaN or infinite"):
        perceptron.fit_mlp(*given, seed=0)
