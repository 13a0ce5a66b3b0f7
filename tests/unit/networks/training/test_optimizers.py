import inspect

import keras
import pytest

from moascope.core.errors import InputError
from moascope.networks.training.optimizers import (
    OPTIMIZERS,
    Limits,
    OptimizerOptions,
    SgdOptions,
    build_optimizer,
)

OF_ALL = {
    *("learning_rate", "clipnorm", "clipvalue", "global_clipnorm", "use_ema", "ema_momentum"),
    *("ema_overwrite_frequency", "loss_scale_factor", "gradient_accumulation_steps", "name"),
    "kwargs",
}
"""Arguments that `Limits` and the loop decide, or that a single device does not need."""


@pytest.mark.parametrize("kind", OPTIMIZERS.known, ids=lambda kind: kind.name)
def test_options_and_defaults_are_those_of_keras(kind):
    known = inspect.signature(getattr(keras.optimizers, kind.class_name)).parameters
    fields = kind.options.model_fields
    assert set(fields) == set(known) - OF_ALL
    ours = {key: field.default for key, field in fields.items()}
    theirs = {key: known[key].default for key in fields}
    if kind.name == "sgd":
        assert ours.pop("momentum") == 0.9  # the one difference
        theirs.pop("momentum")
    assert ours == theirs


@pytest.mark.parametrize("kind", OPTIMIZERS.known, ids=lambda kind: kind.name)
def test_an_optimizer_is_built_with_its_options(kind):
    limits = Limits(clip_norm=2.0, ema=0.9)
    optimizer = build_optimizer(kind.name, kind.options(weight_decay=0.01), 2e-3, limits)
    assert type(optimizer).__name__ == kind.class_name
    assert float(optimizer.learning_rate) == pytest.approx(2e-3)
    config = optimizer.get_config()
    assert (config["global_clipnorm"], config["weight_decay"]) == (2.0, 0.01)
    assert (config["use_ema"], config["ema_momentum"]) == (True, 0.9)


def test_momentum_and_clipping_reach_the_optimizer():
    options = SgdOptions(momentum=0.7, nesterov=True)
    config = build_optimizer("sgd", options, 0.1, Limits(clip_value=0.5)).get_config()
    assert (config["momentum"], config["nesterov"], config["clipvalue"]) == (0.7, True, 0.5)
    assert config["use_ema"] is False


def test_an_unknown_optimizer_is_an_error():
    with pytest.raises(InputError, match="unknown optimizer 'adamm'; did you mean 'adam'"):
        build_optimizer("adamm", OptimizerOptions(), 1e-3, Limits())
