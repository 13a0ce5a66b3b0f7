import typing

import numpy as np
import pytest

from moascope.classification.training import loop
from moascope.classification.training.options import Training
from moascope.core.digests import array_digest
from moascope.core.errors import InputError

CLASSES = ["left", "right"]


def test_replacing_any_single_unit_makes_another_task():
    rng = np.random.default_rng(0)
    stacks = [rng.random((n, 8, 8, 2)).astype("float16") for n in (150, 120, 50)]
    rows = {"train": np.arange(300), "validation": np.arange(300, 310), "test": np.arange(310, 320)}
    samples = loop.Samples(stacks, rng.integers(0, 2, 320), rows, CLASSES)

    def task():
        contents = [array_digest(stack) for stack in stacks]
        return loop.fingerprint(samples, contents, [])

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
    samples = loop.Samples(
        [np.zeros((8, 1))], np.array([0, 0, 0, 1, 2, 2, 2, 2]), {"train": np.arange(7)}, list("abc")
    )
    weights = loop.compute_class_weights(samples)
    counts = np.array([3, 1, 3])
    np.testing.assert_allclose(weights * counts, 7 / 3, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "kind", "momentum"),
    [
        (Training(optimizer="adam", learning_rate=2e-3), "Adam", None),
        (Training(optimizer="sgd", learning_rate=2e-3, momentum=0.7), "SGD", 0.7),
    ],
)
def test_the_optimizer_has_the_configured_options(options, kind, momentum):
    optimizer = loop.make_optimizer(options)
    assert type(optimizer).__name__ == kind
    assert float(optimizer.learning_rate) == pytest.approx(2e-3)
    assert getattr(optimizer, "momentum", None) == momentum


def test_the_configuration_takes_exactly_these_optimizers():
    known = typing.get_args(Training.model_fields["optimizer"].annotation)
    assert set(known) == set(loop.OPTIMIZERS)


def test_an_unknown_optimizer_is_an_error():
    options = Training.model_construct(optimizer="rmsprop", learning_rate=1e-3)
    with pytest.raises(InputError, match="unknown optimizer 'rmsprop'; known: adam, sgd"):
        loop.make_optimizer(options)
