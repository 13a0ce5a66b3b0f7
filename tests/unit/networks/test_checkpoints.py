import keras
import numpy as np
import pytest

from moascope.networks.checkpoints import restore_checkpoint, save_checkpoint

HISTORY = [{"epoch": 1, "loss": 0.5}]


@pytest.fixture
def build():
    """A function that builds a small model, trained for one step."""

    def small(seed):
        keras.utils.set_random_seed(seed)
        model = keras.Sequential(
            [keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dropout(0.5)]
        )
        model.compile("adam", "mse")
        rng = np.random.default_rng(seed)
        model.train_on_batch(rng.random((5, 3)), rng.random((5, 4)))
        return model

    return small


def state(model):
    return [keras.ops.convert_to_numpy(v) for v in [*model.weights, *model.optimizer.variables]]


def test_weights_optimizer_history_and_best_weights_are_restored(build, tmp_path):
    first, other = build(0), build(1)
    best = [weight + 1 for weight in first.get_weights()]
    save_checkpoint(tmp_path / "c.npz", "task", first, HISTORY, best)
    history, restored = restore_checkpoint(tmp_path / "c.npz", "task", other, other)
    assert history == HISTORY
    for value, expected in zip(restored, best, strict=True):
        np.testing.assert_array_equal(value, expected)
    for value, expected in zip(state(other), state(first), strict=True):
        np.testing.assert_array_equal(value, expected)


def test_a_checkpoint_of_another_task_is_not_used(build, tmp_path, caplog):
    model = build(0)
    save_checkpoint(tmp_path / "c.npz", "task", model, HISTORY, [])
    with caplog.at_level("INFO"):
        assert restore_checkpoint(tmp_path / "c.npz", "other", model, model) == ([], [])
    assert "belongs to other data or options" in caplog.text


def test_a_checkpoint_cut_short_is_not_used(build, tmp_path, caplog):
    model = build(0)
    save_checkpoint(tmp_path / "c.npz", "task", model, HISTORY, [])
    content = (tmp_path / "c.npz").read_bytes()
    (tmp_path / "c.npz").write_bytes(content[: len(content) // 2])
    assert restore_checkpoint(tmp_path / "c.npz", "task", model, model) == ([], [])
    assert "cannot be read" in caplog.text


def test_without_a_file_there_is_nothing_to_restore(build, tmp_path):
    model = build(0)
    assert restore_checkpoint(tmp_path / "c.npz", "task", model, model) == ([], [])
