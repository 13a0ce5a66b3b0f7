import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import yaml

from moascope.classification import options as classification_options
from moascope.classification import streaming
from moascope.classification.training import augmentation, fine_tuning, loop
from moascope.classification.training.options import (
    Augmentation,
    FineTuning,
    Training,
    read_network,
)
from moascope.classification.training.samples import Samples
from moascope.config import loading
from moascope.core.errors import InputError
from moascope.core.options import restore
from moascope.networks import saving
from moascope.networks.options import FrozenNetwork
from moascope.preprocessing import units

CLASSES = ["left", "right"]
HEAD = {"type": "mlp", "hidden": [], "dropout": 0.2, "l2": 0.0}
TRAINING = {
    "epochs": 3,
    "batch_size": 8,
    "optimizer": "adam",
    "learning_rate": 2e-3,
    "schedule": "constant",
    "class_weights": True,
    "label_smoothing": 0.0,
    "mixed_precision": False,
}
LENET = {
    "backbone": "lenet",
    "weights": "none",
    "channel_mapping": "inflate",
    "rgb_channels": None,
    "input_size": None,
    "transfer": "full",
    "feature_layers": [],
    "pooling": "mean",
    "head": HEAD,
    "unfreeze_from": None,
    "augment": True,
    "training": TRAINING,
}
LITE0 = {
    **LENET,
    "backbone": "efficientnet-lite0",
    "weights": "imagenet",
    "channel_mapping": "rgb",
    "rgb_channels": ["a", "b", "a"],
    "feature_layers": ["block2_add"],
    "transfer": "partial",
    "unfreeze_from": "block2_expand_conv",
}
AUGMENTATIONS = [{"name": "noise", "sd": 0.05}]


@pytest.fixture
def screen(tmp_path):
    """Two files of units whose bright half is their class."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 60)
    units = rng.random((60, 32, 32, 2)) * 0.4
    for unit, label in zip(units, labels, strict=True):
        unit[:, 16 * label : 16 * (label + 1)] += 0.4
    paths = [tmp_path / "p1.npy", tmp_path / "p2.npy"]
    np.save(paths[0], units[:35].astype("float16"))
    np.save(paths[1], units[35:].astype("float16"))
    rows = {"train": np.arange(40), "validation": np.arange(40, 50), "test": np.arange(50, 60)}
    return paths, labels, rows


def fit(screen, model=LENET, **changes):
    paths, labels, rows = screen
    rows = changes.pop("rows", rows)
    options = {**model, **changes.pop("options", {})}
    options["training"] = {**options["training"], **changes.pop("training", {})}
    augmentations = [Augmentation(**each) for each in AUGMENTATIONS]
    return fine_tuning.fit_fold(
        paths,
        changes.pop("labels", labels),
        rows,
        CLASSES,
        ["a", "b"],
        restore(FineTuning, options),
        augmentations,
        **{"seed": 1, **changes},
    )


def test_a_network_trained_from_scratch_tells_left_from_right(screen):
    _, labels, rows = screen
    result = fit(screen, training={"epochs": 8})
    assert (result.predictions.argmax(axis=1) == labels[rows["test"]]).mean() >= 0.9
    np.testing.assert_allclose(result.predictions.sum(axis=1), 1, rtol=1e-5)
    assert result.embedding.shape == (10, 1024)


def test_the_architecture_is_that_of_the_options():
    options = restore(FineTuning, {**LENET, "backbone": "mlp", "architecture": {"hidden": [7]}})
    model = fine_tuning.build_classifier(options, ["a", "b"], 2, (32, 32))
    assert model.get_layer("embedding").output.shape == (None, 7)
    assert model.get_layer("trunk").count_params() == (32 * 32 * 2 + 1) * 7


def test_the_history_has_a_row_per_epoch(screen):
    history = fit(screen).history
    assert tuple(history.columns) == loop.HISTORY_COLUMNS
    assert history["epoch"].tolist() == [1, 2, 3]
    assert history.notna().all(axis=None)


def test_training_scores_are_means_over_the_epoch(screen):
    coins = np.random.default_rng(5).integers(0, 2, 60)
    history = fit(screen, labels=coins, training={"learning_rate": 1e-4}).history
    n_right = history["accuracy"].to_numpy() * 40
    np.testing.assert_allclose(n_right, n_right.round(), atol=1e-3)
    # Five batches of eight: one batch alone would give multiples of five.
    assert (n_right.round() % 5 != 0).any()


def test_without_validation_units_there_are_no_validation_scores(screen):
    _, _, rows = screen
    history = fit(screen, rows={"train": rows["train"], "test": rows["test"]}).history
    assert history["val_loss"].isna().all()


def test_the_seed_decides(screen):
    first, again, other = fit(screen), fit(screen), fit(screen, seed=2)
    np.testing.assert_allclose(first.history, again.history, rtol=1e-3, atol=1e-4)
    assert abs(first.history["loss"][0] - other.history["loss"][0]) > 1e-3


def test_partial_transfer_trains_only_from_its_layer_on_and_no_batch_normalization(screen):
    pretrained = fine_tuning.build_classifier(
        restore(FineTuning, LITE0), ["a", "b"], 2, (32, 32)
    ).get_layer("trunk")
    trained = fit(screen, LITE0, training={"epochs": 1}).model.get_layer("trunk")
    changed = set()
    for layer, before in zip(trained.layers, pretrained.layers, strict=True):
        pairs = zip(layer.get_weights(), before.get_weights(), strict=True)
        if any((a != b).any() for a, b in pairs):
            changed.add(layer.name)
    assert changed == {"block2_expand_conv", "block2_depthwise_conv", "block2_project_conv"}


def test_full_transfer_trains_every_convolution(screen):
    model = fine_tuning.build_classifier(
        restore(FineTuning, {**LITE0, "transfer": "full"}), ["a", "b"], 2, (32, 32)
    )
    frozen = {layer.name for layer in model.get_layer("trunk").layers if not layer.trainable}
    assert frozen
    assert all(name.endswith("_bn") for name in frozen)


def test_batch_normalization_learns_from_scratch(screen):
    options = {**LITE0, "weights": "none", "transfer": "full"}
    model = fine_tuning.build_classifier(restore(FineTuning, options), ["a", "b"], 2, (32, 32))
    assert all(layer.trainable for layer in model.get_layer("trunk").layers)


def test_batch_normalization_of_pretrained_networks_is_trained_where_the_user_says_so():
    training = {**TRAINING, "freeze_batch_norm": False}
    options = {**LITE0, "transfer": "full", "training": training}
    model = fine_tuning.build_classifier(restore(FineTuning, options), ["a", "b"], 2, (32, 32))
    assert all(layer.trainable for layer in model.get_layer("trunk").layers)


def test_the_head_is_trained_first(screen):
    training = {"epochs": 3, "head_epochs": 2, "head_learning_rate": 0.01}
    history = fit(screen, LITE0, training=training).history
    assert history["learning_rate"].tolist() == [0.01, 0.01, 2e-3]


def curves(*losses):
    """Training curves of folds, from their validation losses."""
    rows = [
        {"repeat": 0, "fold": fold, "epoch": epoch + 1, "val_loss": loss}
        for fold, of_fold in enumerate(losses)
        for epoch, loss in enumerate(of_fold)
    ]
    return pd.DataFrame(rows)


def test_the_final_training_takes_the_median_of_the_best_epochs():
    assert fine_tuning.choose_epochs(curves([3, 2, 1], [2, 1, 3], [1, 2, 3])) == 2
    assert fine_tuning.choose_epochs(curves([3, 2, 1], [2, 1, 3])) == 3  # of 2.5
    unknown = [np.nan, np.nan, np.nan]
    assert fine_tuning.choose_epochs(curves(unknown)) == 3
    assert fine_tuning.choose_epochs(curves(unknown, [1, 2, 3], [1, 2, 3])) == 1


def test_a_final_network_is_trained_on_all_labelled_units_for_the_chosen_epochs(screen, caplog):
    paths, labels, _ = screen
    some = np.where(np.arange(60) < 4, -1, labels)
    options = {**LENET, "training": {**TRAINING, "epochs": 9, "patience": 3}}
    given = (paths, some, CLASSES, ["a", "b"], restore(FineTuning, options), [])
    with caplog.at_level("INFO"):
        model = fine_tuning.fit_all(*given, curves([3, 2, 1, 4, 5, 6]), seed=1)
    assert "epoch 3/3" in caplog.text
    assert "epoch 4" not in caplog.text
    units = np.concatenate([np.load(path) for path in paths])
    assert (model.predict_on_batch(units).argmax(axis=1) == labels).mean() > 0.8


@pytest.mark.parametrize("mapping", ["inflate", "per-channel"])
def test_fine_tuning_takes_any_channel_mapping(screen, mapping):
    options = {"channel_mapping": mapping, "rgb_channels": None}
    result = fit(screen, LITE0, options=options, training={"epochs": 1})
    assert result.predictions.shape == (10, 2)


def test_early_stopping_keeps_the_best_epoch(screen):
    training = {"epochs": 30, "patience": 2, "learning_rate": 0.02, "class_weights": False}
    result = fit(screen, training=training)
    losses = result.history["val_loss"]
    assert len(losses) < 30
    assert losses.idxmin() == len(losses) - 3
    paths, labels, rows = screen
    units = np.concatenate([np.load(path) for path in paths])[rows["validation"]]
    probabilities = result.model.predict_on_batch(units)
    loss = -np.log(probabilities[np.arange(10), labels[rows["validation"]]]).mean()
    assert loss == pytest.approx(losses.min(), rel=1e-3)


def test_a_run_resumed_after_two_epochs_equals_one_that_was_never_cut(screen, tmp_path):
    checkpoint = tmp_path / "fold.npz"
    whole = fit(screen, training={"epochs": 4, "schedule": "plateau"})
    cut = {"epochs": 4, "schedule": "plateau"}
    with pytest.raises(KeyboardInterrupt):
        fit(screen, training=cut, checkpoint=checkpoint, callbacks=[StopAfterTwo()])
    resumed = fit(screen, training={"epochs": 4, "schedule": "plateau"}, checkpoint=checkpoint)
    assert resumed.history["epoch"].tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(resumed.history, whole.history, rtol=2e-3, atol=1e-4)
    np.testing.assert_allclose(resumed.predictions, whole.predictions, atol=2e-3)


class StopAfterTwo(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


def test_a_killed_process_goes_on_from_its_last_epoch(screen, tmp_path):
    _, labels, rows = screen
    np.savez(tmp_path / "fold.in.npz", labels=labels, **rows)
    program = textwrap.dedent(
        """
        import json, logging, os, signal, sys
        import numpy as np
        logging.basicConfig(level="INFO", stream=sys.stdout, format="%(message)s", force=True)
        from moascope.classification.training import fine_tuning
        from moascope.classification.training.options import FineTuning
        from moascope.core.options import restore
        options, folder, last = json.loads(sys.argv[1]), *sys.argv[2:]
        class Kill(logging.Handler):
            def emit(self, record):
                if record.getMessage().startswith(last):
                    os.kill(os.getpid(), signal.SIGKILL)
        logging.getLogger().addHandler(Kill())
        given = np.load(f"{folder}/fold.in.npz")
        result = fine_tuning.fit_fold(
            [f"{folder}/p1.npy", f"{folder}/p2.npy"], given["labels"],
            {name: given[name] for name in ("train", "validation", "test")},
            ["left", "right"], ["a", "b"], restore(FineTuning, options), [], seed=1,
            checkpoint=f"{folder}/fold.npz",
        )
        print("epochs", len(result.history))
        """
    )
    options = {**LENET, "training": {**TRAINING, "epochs": 12, "patience": 99}}
    environment = {**os.environ, "PYTHONPATH": str(Path(fine_tuning.__file__).parents[3])}
    command = [sys.executable, "-c", program, json.dumps(options), str(tmp_path)]
    how = {"env": environment, "capture_output": True, "text": True, "timeout": 300}
    killed = subprocess.run([*command, "epoch 3/"], check=False, **how)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (tmp_path / "fold.npz").is_file()
    answer = subprocess.run([*command, "never"], check=True, **how)
    assert "continuing from" in answer.stdout
    assert "epoch 1/12" not in answer.stdout
    assert answer.stdout.strip().endswith("epochs 12")


def task_of(screen, monkeypatch, **changes):
    """Return the digest that the checkpoint of a training would carry, without training."""
    tasks = []

    def stop(*given):
        tasks.append(given[3].task)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fine_tuning, "fit", stop)
        with pytest.raises(KeyboardInterrupt):
            fit(screen, checkpoint="none.npz", **changes)
    return tasks[0]


def test_a_replaced_unit_starts_another_training(screen, tmp_path, caplog):
    checkpoint = tmp_path / "fold.npz"
    fit(screen, checkpoint=checkpoint, training={"epochs": 1})
    paths = screen[0]
    units = np.load(paths[0])
    units[7] = units[8]
    np.save(paths[0], units)
    with caplog.at_level("INFO"):
        fit(screen, checkpoint=checkpoint, training={"epochs": 1})
    assert "belongs to other data or options" in caplog.text
    assert "continuing from" not in caplog.text


def test_every_input_is_part_of_the_task(screen, monkeypatch, tmp_path):
    _, labels, rows = screen
    first = task_of(screen, monkeypatch)
    assert task_of(screen, monkeypatch) == first
    relabelled = labels.copy()
    relabelled[3] = 1 - relabelled[3]
    moved = {**rows, "train": np.arange(39), "test": np.arange(49, 60)}
    changes = [
        {"seed": 2},
        {"code": "0123456789abcdef"},
        {"labels": relabelled},
        {"rows": moved},
        {"rows": {**rows, "train": rows["train"][::-1]}},
        {"options": {"augment": False}},
        {"training": {"learning_rate": 1e-4}},
    ]
    tasks = [task_of(screen, monkeypatch, **change) for change in changes]
    assert len({first, *tasks}) == 1 + len(changes)


def test_the_file_of_the_first_weights_is_part_of_the_task(screen, monkeypatch, tmp_path):
    file = tmp_path / "first.weights.h5"
    core = fit(screen, training={"epochs": 1}).model
    monkeypatch.setattr(fine_tuning, "build_classifier", lambda *given: core)
    tasks = set()
    for content in (b"one", b"two", b"two"):
        file.write_bytes(content)
        tasks.add(task_of(screen, monkeypatch, options={"weights": str(file)}))
    assert len(tasks) == 2


def test_a_checkpoint_of_other_options_is_not_used(screen, tmp_path, caplog):
    checkpoint = tmp_path / "fold.npz"
    fit(screen, checkpoint=checkpoint, training={"epochs": 1})
    with caplog.at_level("INFO"):
        result = fit(screen, checkpoint=checkpoint, training={"epochs": 2})
    assert "belongs to other data or options" in caplog.text
    assert len(result.history) == 2


def test_a_damaged_checkpoint_is_not_used(screen, tmp_path, caplog):
    (tmp_path / "fold.npz").write_bytes(b"PK\x03\x04 cut short")
    result = fit(screen, checkpoint=tmp_path / "fold.npz", training={"epochs": 1})
    assert "cannot be read" in caplog.text
    assert len(result.history) == 1


def test_a_saved_model_predicts_the_same_and_carries_its_metadata(screen, tmp_path):
    result = fit(screen, LITE0, training={"epochs": 1})
    metadata = {"channels": ["a", "b"], "classes": CLASSES, "unit_size": [32, 32]}
    saving.save_model(result.model, tmp_path / "m.keras", metadata)
    model, read = saving.load_model(tmp_path / "m.keras", {"channels": ["a", "b"]})
    assert read == metadata
    paths, _, rows = screen
    units = np.concatenate([np.load(path) for path in paths])[rows["test"]]
    np.testing.assert_allclose(model.predict_on_batch(units), result.predictions, atol=1e-5)


def test_unlabelled_training_units_are_an_error(screen):
    labels = screen[1].copy()
    labels[:3] = -1
    with pytest.raises(InputError, match="3 train units have no class"):
        fit(screen, labels=labels)


def test_an_unknown_layer_to_unfreeze_from_is_answered_with_the_nearest(screen):
    with pytest.raises(InputError, match=r"no layer 'block2_expand_con'\. Did you mean block2_exp"):
        fit(screen, LITE0, options={"unfreeze_from": "block2_expand_con"})


def test_a_training_that_diverges_says_so(screen):
    paths, labels, rows = screen
    training = Training(optimizer="sgd", epochs=5).model_copy(update={"learning_rate": 1e12})
    options = restore(FineTuning, LENET).model_copy(update={"training": training})
    with pytest.raises(InputError, match=r"it has diverged\. Lower learning_rate"):
        fine_tuning.fit_fold(paths, labels, rows, CLASSES, ["a", "b"], options, seed=1)


def test_plates_of_different_size_are_an_error_that_names_the_key(screen):
    paths, _, _ = screen
    np.save(paths[1], np.zeros((25, 48, 32, 2), "float16"))
    message = r"plates differ in size.*p2\.npy holds units of \(48, 32, 2\).*Set units\.size"
    with pytest.raises(InputError, match=message):
        fit(screen)


@pytest.mark.parametrize(
    ("name", "image_shape"),
    [
        ("bbbc021", (1024, 1280)),
        ("bbbc021-lab", (256, 256)),
        ("bbbc021-cells16", (68, 68)),
        ("config", (256, 256)),
    ],
)
def test_the_networks_of_the_shipped_configs_take_their_images(repository, name, image_shape):
    given = loading.load(yaml.safe_load((repository / f"config/{name}.yaml").read_text()))
    assert given.units.cells is None
    shape = units.shape_of_units(image_shape, given.units.size, given.units.tiles)
    channels = list(given.input.channels)
    for model in given.models:
        options = {**given.section(f"models.{model}"), "weights": "none"}
        fine_tuning.check_model(read_network(options), channels, shape)
    augmentation.check(given.augmentation, shape, len(channels))


def test_units_that_cannot_be_turned_are_refused_before_anything_is_computed():
    options = classification_options.Model(split="s", views=8, weights="none").model_dump(
        mode="json"
    )
    with pytest.raises(InputError, match="8 views need square units, and these are 40 x 50 px"):
        fine_tuning.check_model(read_network(options), list("abc"), (40, 50))
    with pytest.raises(InputError, match="quarter_turn needs square units; these are 40 x 50 px"):
        augmentation.check(
            [Augmentation(name="flip"), Augmentation(name="quarter_turn")], (40, 50), 3
        )
    augmentation.check([Augmentation(name="flip")], (40, 50), 3)


def test_validation_passes_are_counted_in_pixels(screen, monkeypatch):
    paths, labels, rows = screen
    samples = Samples([np.load(path) for path in paths], labels, rows, CLASSES)
    model = fine_tuning.build_classifier(
        restore(FineTuning, {**LITE0, "transfer": "full"}), ["a", "b"], len(CLASSES), (32, 32)
    )
    (whole,) = loop.predict(model, samples, "test", 64)
    sizes, gather = [], streaming.gather

    def noted(stacks, places, n=None):
        sizes.append(n)
        return gather(stacks, places, n)

    monkeypatch.setattr(streaming, "gather", noted)
    monkeypatch.setattr(streaming, "_PIXELS_PER_CALL", {"cpu": 2 * 32 * 32, "gpu": 2 * 32 * 32})
    (parts,) = loop.predict(model, samples, "test", 64)
    assert set(sizes) == {2}
    np.testing.assert_allclose(parts, whole, atol=1e-5)


@pytest.mark.parametrize(
    ("unit_shape", "input_size", "is_warned"),
    [
        ((512, 512), None, False),
        ((500, 640), None, True),
        ((1024, 1024), 224, False),
        (None, None, False),
    ],
)
def test_large_units_are_warned_of_unless_the_network_resizes_them(
    unit_shape, input_size, is_warned
):
    warning = fine_tuning.size_warning("lite0", FrozenNetwork(input_size=input_size), unit_shape)
    assert bool(warning) == is_warned
    if is_warned:
        assert warning["about"] == "models.lite0"
        assert "500 x 640 px" in warning["text"]
        assert "models.lite0.input_size" in warning["text"]
