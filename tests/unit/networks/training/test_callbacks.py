import importlib.util

import keras
import numpy as np
import pytest

from moascope.core.errors import InputError
from moascope.networks.training.callbacks import log_to_tensorboard


def test_scores_are_written_below_the_folder(tmp_path):
    pytest.importorskip("tensorboard")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    hooks = keras.callbacks.CallbackList(log_to_tensorboard(tmp_path / "logs"), model=model)
    hooks.on_train_begin()
    hooks.on_epoch_begin(0)
    logs = model.train_on_batch(np.ones((2, 2)), np.ones((2, 1)), return_dict=True)
    hooks.on_epoch_end(0, {**logs, "val_loss": 0.5})
    hooks.on_train_end()
    for name in ("train", "validation"):
        (file,) = (tmp_path / "logs" / name).iterdir()
        assert b"epoch_loss" in file.read_bytes()


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="the package tensorboard is not installed"):
        log_to_tensorboard(tmp_path)
