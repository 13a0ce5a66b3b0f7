import keras
import numpy as np
import pytest

from moascope.classification.training import loop
from moascope.classification.training.loop import Plan, Trunk
from moascope.classification.training.options import Training
from moascope.classification.training.samples import Samples
from moascope.core.errors import InputError

CLASSES = ["a", "b"]


def samples_of(n=40, n_validation=20, seed=0, n_features=3):
    """Units whose first feature tells their class."""
    rng = np.random.default_rng(seed)
    total = n + n_validation
    labels = np.arange(total) % 2
    features = rng.normal(size=(total, n_features)).astype("float32")
    features[:, 0] += 4 * labels - 2
    rows = {"train": np.arange(n), "validation": np.arange(n, total)}
    return Samples([features], labels, rows, CLASSES)


def build(*middle):
    keras.utils.set_random_seed(0)
    trunk = keras.Sequential([keras.Input((3,)), *middle], name="trunk")
    inputs = keras.Input((3,))
    output = keras.layers.Dense(2, activation="softmax", name="head")(trunk(inputs))
    return keras.Model(inputs, output)


def fit(model, samples, trunk=None, seed=0, **options):
    plan = {key: options.pop(key) for key in ("checkpoint", "last_epoch") if key in options}
    training = Training(**{"epochs": 3, "batch_size": 8, "schedule": "constant", **options})
    training = training.complete(is_fine_tuned=False)
    return loop.fit(model, model, samples, Plan(training, seed, **plan), trunk)


def trunk_of(model):
    layers = model.get_layer("trunk").layers

    def freeze(is_head_only):
        for layer in layers:
            layer.trainable = not is_head_only

    return Trunk(freeze, layers)


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adagrad", "adam", "adamw", "lion"])
def test_a_classifier_learns_with_every_optimizer(optimizer):
    rate = 1.0 if optimizer == "adagrad" else 0.05
    options = {"optimizer": optimizer, "learning_rate": rate, "epochs": 10, "ema": 0.5}
    assert fit(build(), samples_of(), **options)["val_accuracy"].max() > 0.9


@pytest.mark.parametrize(
    "options",
    [
        {"loss": "focal"},
        {"balanced_sampling": True},
        {"clip_norm": 1.0},
        {"clip_value": 0.5},
        {"schedule": "one-cycle"},
        {"label_smoothing": 0.1, "class_weights": False},
    ],
)
def test_a_classifier_learns_with_every_option(options):
    result = fit(build(), samples_of(), learning_rate=0.1, epochs=10, **options)
    assert result["val_accuracy"].max() > 0.9


def test_first_only_the_head_is_trained():
    model = build(keras.layers.Dense(3))
    kernels = []

    def note(*_):
        kernels.append([layer.get_weights()[0].copy() for layer in model.layers[1:]])

    callback = keras.callbacks.LambdaCallback(on_epoch_end=note)
    training = Training(epochs=3, batch_size=8, head_epochs=2, head_learning_rate=0.03)
    plan = Plan(training.complete(is_fine_tuned=True), 0, callbacks=[callback])
    history = loop.fit(model, model, samples_of(), plan, trunk_of(model))
    (first_trunk, first_head), (second_trunk, second_head), (third_trunk, _) = kernels
    np.testing.assert_array_equal(first_trunk, second_trunk)
    assert (first_head != second_head).any()
    assert (second_trunk != third_trunk).any()
    rates = history["learning_rate"].tolist()
    assert rates[:2] == [0.03, 0.03]
    assert rates[2] <= 1e-4


@pytest.mark.parametrize("n_epochs", [1, 2, 3])
def test_a_training_that_unfreezes_is_resumed_as_if_it_had_never_stopped(tmp_path, n_epochs):
    options = {"epochs": 4, "head_epochs": 2, "ema": 0.5, "schedule": "cosine"}

    def train(**more):
        model = build(keras.layers.Dense(3), keras.layers.Dropout(0.3))
        history = fit(model, samples_of(), trunk_of(model), **options, **more)
        return model.get_weights(), history

    whole = train()
    train(last_epoch=n_epochs, checkpoint=tmp_path / "c.npz")
    resumed = train(checkpoint=tmp_path / "c.npz")
    assert resumed[1].equals(whole[1])
    for value, expected in zip(resumed[0], whole[0], strict=True):
        np.testing.assert_array_equal(value, expected)


def test_rates_fall_from_the_head_to_the_image():
    model = build(keras.layers.Dense(3), keras.layers.Activation("relu"), keras.layers.Dense(3))
    low, _, high = model.get_layer("trunk").layers
    factors = loop.compute_layer_factors([low, high], 0.5)
    assert factors == {
        **{variable.path: 0.5 for variable in high.variables},
        **{variable.path: 0.25 for variable in low.variables},
    }
    fit(model, samples_of(), trunk_of(model), layer_decay=0.5, learning_rate=0.01)
    rates = [float(each.learning_rate) for each in model.optimizer.optimizers if each.built]
    np.testing.assert_allclose(sorted(rates), [0.0025, 0.005, 0.01], rtol=1e-5)


def test_validation_scores_weigh_classes_as_training_does():
    samples = samples_of(n=40, n_validation=30)
    rows = samples.of("validation")
    kept = np.concatenate([rows[samples.labels[rows] == 0], rows[samples.labels[rows] == 1][:3]])
    samples.rows["validation"] = kept
    model = build()
    first = fit(model, samples, epochs=1, learning_rate=1e-9).iloc[-1]
    plain = fit(model, samples, epochs=1, learning_rate=1e-9, class_weights=False).iloc[-1]
    predicted = model.predict_on_batch(samples.stacks[0][kept])
    losses = -np.log(predicted[np.arange(len(kept)), samples.labels[kept]])
    of_class = [losses[samples.labels[kept] == code].mean() for code in (0, 1)]
    assert first["val_loss"] == pytest.approx(np.mean(of_class), rel=1e-3)
    assert plain["val_loss"] == pytest.approx(losses.mean(), rel=1e-3)


def test_patience_without_validation_units_is_an_error():
    samples = samples_of(n_validation=0)
    with pytest.raises(InputError, match=r"training\.patience: there are no validation units"):
        fit(build(), samples, patience=3)
    assert len(fit(build(), samples)) == 3


def test_a_batch_of_one_with_batch_normalization_is_an_error():
    model = build(keras.layers.BatchNormalization())
    with pytest.raises(InputError, match="batch normalization cannot learn from one unit"):
        fit(model, samples_of(), batch_size=1)
    for layer in model.get_layer("trunk").layers:
        layer.trainable = False
    assert len(fit(model, samples_of(), batch_size=1, epochs=1)) == 1


def test_the_message_of_a_diverging_training_names_batch_and_rate():
    message = r"in epoch 1/3, batch \d/5 at the rate 10, so it has diverged\. Lower learning_rate"
    features = samples_of().stacks[0] * 1e20
    samples = Samples([features], samples_of().labels, samples_of().rows, CLASSES)
    with pytest.raises(InputError, match=message):
        fit(build(keras.layers.Dense(3)), samples, learning_rate=10.0, optimizer="sgd")


def test_units_that_are_nan_in_validation_are_named():
    samples = samples_of()
    samples.stacks[0][45, 1] = np.nan
    with pytest.raises(InputError, match="1 of the 20 validation units, such as number 45"):
        fit(build(), samples)


@pytest.mark.parametrize("n_validation", [0, 20])
def test_a_class_that_is_never_predicted_is_warned_of(caplog, n_validation):
    model = build()
    model.get_layer("head").set_weights([np.zeros((3, 2)), np.array([9.0, 0.0])])
    fit(model, samples_of(n_validation=n_validation), learning_rate=1e-9, epochs=1)
    assert "class 'b' is never predicted, although" in caplog.text
    assert "class 'a' is never" not in caplog.text


def test_units_learned_by_heart_are_warned_of(caplog):
    rng = np.random.default_rng(1)
    units = rng.normal(size=(60, 3)).astype("float32")
    labels = np.arange(60) % 2
    units[:20, 0] += 8 * labels[:20]  # what tells classes apart in training only
    rows = {"train": np.arange(20), "validation": np.arange(20, 60)}
    samples = Samples([units], labels, rows, CLASSES)
    fit(build(), samples, learning_rate=0.1, epochs=30, patience=30)
    assert "has learned the training units by heart" in caplog.text
    caplog.clear()
    fit(build(), samples_of(), learning_rate=0.1, epochs=10)
    assert "by heart" not in caplog.text
    assert "never predicted" not in caplog.text


def test_epochs_end_where_the_plan_says_with_the_rates_of_all(tmp_path):
    whole = fit(build(), samples_of(), epochs=6, schedule="cosine")
    cut = fit(build(), samples_of(), epochs=6, schedule="cosine", last_epoch=4)
    assert cut.equals(whole.iloc[:4])
