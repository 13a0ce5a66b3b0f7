import keras
import numpy as np

from moascope.networks.training.callbacks import log_to_tensorboard


def test_scores_are_written_below_the_folder(tmp_path):
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
