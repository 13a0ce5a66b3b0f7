import numpy as np
import pytest

from moascope.classification.training.samples import Samples, check_samples, fingerprint
from moascope.core.digests import array_digest
from moascope.core.errors import InputError

CLASSES = ["left", "right"]


def test_replacing_any_single_unit_makes_another_task():
    rng = np.random.default_rng(0)
    stacks = [rng.random((n, 8, 8, 2)).astype("float16") for n in (150, 120, 50)]
    rows = {"train": np.arange(300), "validation": np.arange(300, 310), "test": np.arange(310, 320)}
    samples = Samples(stacks, rng.integers(0, 2, 320), rows, CLASSES)

    def task():
        contents = [array_digest(stack) for stack in stacks]
        return fingerprint(samples, contents, [])

    tasks = {task()}
    for stack in stacks:
        for unit in range(len(stack)):
            before = stack[unit].copy()
            stack[unit] = rng.random((8, 8, 2))
            tasks.add(task())
            stack[unit] = before
    assert len(tasks) == 321
    assert task() in tasks


def test_class_weights_give_each_class_the_same_say():
    samples = Samples(
        [np.zeros((8, 1))], np.array([0, 0, 0, 1, 2, 2, 2, 2]), {"train": np.arange(7)}, list("abc")
    )
    weights = samples.class_weights()
    counts = np.array([3, 1, 3])
    np.testing.assert_allclose(weights * counts, 7 / 3, rtol=1e-6)


def samples_of(labels, train):
    labels = np.array(labels)
    return Samples([np.zeros((len(labels), 1))], labels, {"train": np.array(train)}, list("abc"))


def test_an_epoch_has_every_row_once_in_an_order_of_its_own():
    samples = samples_of([0] * 50 + [1] * 10, np.arange(60))
    orders = [samples.order_of_epoch(1, epoch, is_balanced=False) for epoch in (0, 1, 0)]
    assert [sorted(order) for order in orders] == [list(range(60))] * 3
    assert (orders[0] != orders[1]).any()
    assert (orders[0] == orders[2]).all()


def test_a_balanced_epoch_has_as_many_rows_of_every_class():
    samples = samples_of([0] * 50 + [1] * 7 + [2] * 4, np.arange(61))
    orders = [samples.order_of_epoch(1, epoch, is_balanced=True) for epoch in (0, 1, 0)]
    for order in orders:
        counts = np.bincount(samples.labels[order])
        assert counts.sum() == 61
        assert counts.max() - counts.min() <= 1
        # No row of a small class is taken a third time while another is taken once.
        of_b = np.bincount(order[samples.labels[order] == 1] - 50, minlength=7)
        assert of_b.max() - of_b.min() <= 1
    assert (orders[0] != orders[1]).any()
    assert (orders[0] == orders[2]).all()


def test_some_rows_of_every_class_can_be_taken():
    samples = samples_of([0, 0, 0, 1, 1, 2], [5, 4, 3, 2, 1, 0])
    assert samples.take("train", 2).of("train").tolist() == [2, 1, 4, 3, 5]
    assert samples.take("train", None) is samples


def test_a_fold_without_training_units_of_a_class_is_trained_with_a_warning(caplog):
    check_samples(samples_of([0, 1, 2], [0, 2]))
    assert "no training units of b" in caplog.text


def test_a_fold_with_one_class_has_nothing_to_learn():
    with pytest.raises(InputError, match="the 2 training units of a fold have fewer than two"):
        check_samples(samples_of([0, 0, 2], [0, 1]))
