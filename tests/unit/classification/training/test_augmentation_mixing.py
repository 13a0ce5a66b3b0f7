import keras
import numpy as np
import pytest

from moascope.classification.training import augmentation
from moascope.classification.training.augmentation_mixing import MixingLearner, combine, mix
from moascope.classification.training.options import Augmentation
from moascope.networks.training.losses import LOSSES, build_loss


def batch(n=32, size=12, channels=3, seed=0):
    return np.random.default_rng(seed).random((n, size, size, channels), dtype="float32")


def mixed(x, *entries, seed=1):
    steps = augmentation.build([Augmentation(**entry) for entry in entries], seed)
    images, mixings = mix(steps, keras.ops.convert_to_tensor(x), training=True)
    return np.asarray(images), [
        (np.asarray(partners), np.asarray(share)) for partners, share in mixings
    ]


def test_mixup_combines_labels_as_it_combines_pixels():
    x, one_hot = batch(), np.eye(32, dtype="float32")
    images, (mixing,) = mixed(x, {"name": "mixup", "alpha": 1.0})
    labels = np.asarray(combine(one_hot, mixing))
    np.testing.assert_allclose(images, np.einsum("ij,jhwc->ihwc", labels, x), atol=1e-5)
    np.testing.assert_allclose(labels.sum(axis=1), 1, atol=1e-6)
    assert sorted(mixing[0]) == list(range(32))
    assert len(np.unique(mixing[1])) > 20


def test_cutmix_labels_are_the_shares_of_pixels():
    values = np.arange(32, dtype="float32") / 32
    x = np.broadcast_to(values[:, None, None, None], (32, 12, 16, 2))
    images, ((partners, share),) = mixed(x, {"name": "cutmix", "probability": 1.0})
    own = (images == x).all(axis=-1)
    others = (images == values[partners][:, None, None, None]).all(axis=-1)
    assert (own | others).all()
    moved = partners != np.arange(32)
    np.testing.assert_allclose(own.mean(axis=(1, 2))[moved], share[moved], atol=1e-6)
    assert len(np.unique(share)) > 10


def test_cutmix_pastes_one_rectangle():
    x = np.broadcast_to(np.arange(32, dtype="float32")[:, None, None, None], (32, 12, 16, 2)) / 32
    images, _ = mixed(x, {"name": "cutmix", "probability": 1.0})
    for image, original in zip(images, x, strict=True):
        pasted = (image != original).any(axis=-1)
        rows, columns = pasted.any(axis=1), pasted.any(axis=0)
        np.testing.assert_array_equal(pasted, rows[:, None] & columns[None])


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_the_probability_is_the_share_of_mixed_units(name):
    _, ((_, share),) = mixed(batch(n=400), {"name": name, "alpha": 5.0, "probability": 0.25})
    assert (share < 1).mean() == pytest.approx(0.25, abs=0.07)


def test_labels_go_through_several_mixings_in_order():
    x, one_hot = batch(), np.eye(32, dtype="float32")
    entries = [{"name": "mixup", "alpha": 1.0}, {"name": "mixup", "alpha": 2.0}]
    images, mixings = mixed(x, *entries)
    labels = one_hot
    for mixing in mixings:
        labels = np.asarray(combine(labels, mixing))
    np.testing.assert_allclose(images, np.einsum("ij,jhwc->ihwc", labels, x), atol=1e-5)


@pytest.mark.parametrize("loss", LOSSES.names)
def test_the_learner_is_scored_with_mixed_labels_and_weights(loss):
    x, y = batch(n=8, size=4), np.eye(3, dtype="float32")[np.arange(8) % 3]
    weights = np.array([1, 2, 3], "float32")[np.arange(8) % 3]
    inputs = keras.Input((4, 4, 3))
    flat = keras.layers.Flatten()(inputs)
    core = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(flat))
    entries = [Augmentation(name="mixup", alpha=1.0)]
    images, (mixing,) = mix(augmentation.build(entries, 4), x, training=True)
    own = build_loss(loss, LOSSES.find(loss).options(), 0.0)
    expected = own(
        np.asarray(combine(y, mixing)), core(images), np.asarray(combine(weights, mixing))
    )
    learner = MixingLearner(core, augmentation.build(entries, 4))
    learner.compile(optimizer=keras.optimizers.SGD(0.0), loss=own, metrics=["accuracy"])
    logs = learner.train_on_batch(x, y, sample_weight=weights, return_dict=True)
    assert logs["loss"] == pytest.approx(float(expected), rel=1e-4)
