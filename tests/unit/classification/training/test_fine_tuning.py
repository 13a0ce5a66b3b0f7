import json
import os
import signal
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.special import softmax

from moascope.classification import features
from moascope.classification import options as classification_options
from moascope.classification.training import augmentation, fine_tuning
from moascope.config import loading
from moascope.core.errors import InputError
from moascope.networks import backbones, saving
from moascope.preprocessing import handcrafted_features, units

CLASSES = ["left", "right"]
HEAD = {"type": "mlp", "hidden": [], "dropout": 0.2, "l2": 0.0}
TRAINING = {
    "epochs": 3,
    "batch_size": 8,
    "optimizer": "adam",
    "learning_rate": 2e-3,
    "momentum": 0.9,
    "schedule": "constant",
    "patience": 10,
    "class_weights": True,
    "label_smoothing": 0.0,
    "mixed_precision": False,
}
LENET = {
    "backbone": "lenet",
    "weights": "none",
    "channel_mapping": "inflate",
    "triple": None,
    "input_size": None,
    "transfer": "full",
    "taps": [],
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
    "channel_mapping": "triple",
    "triple": ["a", "b", "a"],
    "taps": ["block2_add"],
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
    return fine_tuning.fit_fold(
        paths,
        changes.pop("labels", labels),
        rows,
        CLASSES,
        ["a", "b"],
        options,
        AUGMENTATIONS,
        **{"seed": 1, **changes},
    )


def test_a_network_trained_from_scratch_tells_left_from_right(screen):
    _, labels, rows = screen
    result = fit(screen, training={"epochs": 8})
    assert (result["predictions"].argmax(axis=1) == labels[rows["test"]]).mean() >= 0.9
    np.testing.assert_allclose(result["predictions"].sum(axis=1), 1, rtol=1e-5)
    assert result["embedding"].shape == (10, 1024)


def test_the_history_has_a_row_per_epoch(screen):
    history = fit(screen)["history"]
    assert tuple(history.columns) == fine_tuning.HISTORY_COLUMNS
    assert history["epoch"].tolist() == [1, 2, 3]
    assert history.notna().all(axis=None)


def test_training_scores_are_means_over_the_epoch(screen):
    coins = np.random.default_rng(5).integers(0, 2, 60)
    history = fit(screen, labels=coins, training={"learning_rate": 1e-4})["history"]
    n_right = history["accuracy"].to_numpy() * 40
    np.testing.assert_allclose(n_right, n_right.round(), atol=1e-3)
    # Five batches of eight: one batch alone would give multiples of five.
    assert (n_right.round() % 5 != 0).any()


def test_without_validation_units_there_are_no_validation_scores(screen):
    _, _, rows = screen
    history = fit(screen, rows={"train": rows["train"], "test": rows["test"]})["history"]
    assert history["val_loss"].isna().all()


def test_the_seed_decides(screen):
    first, again, other = fit(screen), fit(screen), fit(screen, seed=2)
    np.testing.assert_allclose(first["history"], again["history"], rtol=1e-3, atol=1e-4)
    assert abs(first["history"]["loss"][0] - other["history"]["loss"][0]) > 1e-3


def test_partial_transfer_trains_only_from_its_layer_on_and_no_batch_normalization(screen):
    pretrained = fine_tuning._classifier(LITE0, ["a", "b"], 2, (32, 32)).get_layer("trunk")
    trained = fit(screen, LITE0, training={"epochs": 1})["model"].get_layer("trunk")
    changed = set()
    for layer, before in zip(trained.layers, pretrained.layers, strict=True):
        pairs = zip(layer.get_weights(), before.get_weights(), strict=True)
        if any((a != b).any() for a, b in pairs):
            changed.add(layer.name)
    assert changed == {"block2_expand_conv", "block2_depthwise_conv", "block2_project_conv"}


def test_full_transfer_trains_every_convolution(screen):
    model = fine_tuning._classifier({**LITE0, "transfer": "full"}, ["a", "b"], 2, (32, 32))
    frozen = {layer.name for layer in model.get_layer("trunk").layers if not layer.trainable}
    assert frozen
    assert all(name.endswith("_bn") for name in frozen)


def test_batch_normalization_learns_from_scratch(screen):
    options = {**LITE0, "weights": "none", "transfer": "full"}
    model = fine_tuning._classifier(options, ["a", "b"], 2, (32, 32))
    assert all(layer.trainable for layer in model.get_layer("trunk").layers)


@pytest.mark.parametrize("mapping", ["inflate", "per-channel"])
def test_fine_tuning_takes_any_channel_mapping(screen, mapping):
    options = {"channel_mapping": mapping, "triple": None}
    result = fit(screen, LITE0, options=options, training={"epochs": 1})
    assert result["predictions"].shape == (10, 2)


def test_early_stopping_keeps_the_best_epoch(screen):
    result = fit(screen, training={"epochs": 30, "patience": 2, "learning_rate": 0.02})
    losses = result["history"]["val_loss"]
    assert len(losses) < 30
    assert losses.idxmin() == len(losses) - 3
    paths, labels, rows = screen
    units = np.concatenate([np.load(path) for path in paths])[rows["validation"]]
    probabilities = result["model"].predict_on_batch(units)
    loss = -np.log(probabilities[np.arange(10), labels[rows["validation"]]]).mean()
    assert loss == pytest.approx(losses.min(), rel=1e-3)


def test_a_run_resumed_after_two_epochs_equals_one_that_was_never_cut(screen, tmp_path):
    checkpoint = tmp_path / "fold.npz"
    whole = fit(screen, training={"epochs": 4, "schedule": "plateau"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fine_tuning, "_epoch", _interrupted_after(2))
        with pytest.raises(KeyboardInterrupt):
            fit(screen, training={"epochs": 4, "schedule": "plateau"}, checkpoint=checkpoint)
    resumed = fit(screen, training={"epochs": 4, "schedule": "plateau"}, checkpoint=checkpoint)
    assert resumed["history"]["epoch"].tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(resumed["history"], whole["history"], rtol=2e-3, atol=1e-4)
    np.testing.assert_allclose(resumed["predictions"], whole["predictions"], atol=2e-3)


def _interrupted_after(n_epochs):
    original = fine_tuning._epoch

    def epoch(learner, samples, options, seed, history):
        if len(history) == n_epochs:
            raise KeyboardInterrupt
        return original(learner, samples, options, seed, history)

    return epoch


def test_a_killed_process_goes_on_from_its_last_epoch(screen, tmp_path):
    _, labels, rows = screen
    np.savez(tmp_path / "fold.in.npz", labels=labels, **rows)
    program = textwrap.dedent(
        """
        import json, logging, os, signal, sys
        import numpy as np
        logging.basicConfig(level="INFO", stream=sys.stdout, format="%(message)s", force=True)
        from moascope.classification.training import fine_tuning
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
            ["left", "right"], ["a", "b"], options, [], seed=1,
            checkpoint=f"{folder}/fold.npz",
        )
        print("epochs", len(result["history"]))
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
    assert "going on from" in answer.stdout
    assert "epoch 1/12" not in answer.stdout
    assert answer.stdout.strip().endswith("epochs 12")


def task_of(screen, monkeypatch, **changes):
    """Give the digest that the checkpoint of a training would carry, without training."""
    tasks = []

    def stop(*given):
        tasks.append(given[6])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fine_tuning, "_fit", stop)
        with pytest.raises(KeyboardInterrupt):
            fit(screen, checkpoint="none.npz", **changes)
    return tasks[0]


def test_replacing_any_single_unit_makes_another_task():
    rng = np.random.default_rng(0)
    stacks = [rng.random((n, 8, 8, 2)).astype("float16") for n in (150, 120, 50)]
    rows = {"train": np.arange(300), "validation": np.arange(300, 310), "test": np.arange(310, 320)}
    samples = fine_tuning.Samples(stacks, rng.integers(0, 2, 320), rows, CLASSES)

    def task():
        contents = [fine_tuning.array_digest(stack) for stack in stacks]
        return fine_tuning._fingerprint(samples, contents, [])

    tasks = {task()}
    for stack in stacks:
        for unit in range(len(stack)):
            before = stack[unit].copy()
            stack[unit] = rng.random((8, 8, 2))
            tasks.add(task())
            stack[unit] = before
    assert len(tasks) == 321
    assert task() in tasks


def test_a_replaced_unit_starts_a_training_anew(screen, tmp_path, caplog):
    checkpoint = tmp_path / "fold.npz"
    fit(screen, checkpoint=checkpoint, training={"epochs": 1})
    paths = screen[0]
    units = np.load(paths[0])
    units[7] = units[8]
    np.save(paths[0], units)
    with caplog.at_level("INFO"):
        fit(screen, checkpoint=checkpoint, training={"epochs": 1})
    assert "belongs to other data or options" in caplog.text
    assert "going on from" not in caplog.text


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
    core = fit(screen, training={"epochs": 1})["model"]
    monkeypatch.setattr(fine_tuning, "_classifier", lambda *given: core)
    tasks = set()
    for content in (b"one", b"two", b"two"):
        file.write_bytes(content)
        tasks.add(task_of(screen, monkeypatch, options={"weights": str(file)}))
    assert len(tasks) == 2


def test_every_input_of_a_perceptron_is_part_of_the_task(monkeypatch):
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(60, 4)).astype("float32"), rng.integers(0, 2, 60)
    rows = {"train": np.arange(30), "validation": np.arange(30, 40), "test": np.arange(40, 60)}
    tasks = []

    def stop(*given):
        tasks.append(given[6])
        raise KeyboardInterrupt

    monkeypatch.setattr(fine_tuning, "_fit", stop)

    def note(features=features, head=(4,), seed=0, code=""):
        options = {"hidden": list(head), "dropout": 0.1, "l2": 0.0}
        given = (features, labels, rows, list("ab"), options, TRAINING)
        with pytest.raises(KeyboardInterrupt):
            fine_tuning.fit_mlp(*given, seed=seed, checkpoint="none.npz", code=code)

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


def test_a_checkpoint_of_other_options_is_not_taken_up(screen, tmp_path, caplog):
    checkpoint = tmp_path / "fold.npz"
    fit(screen, checkpoint=checkpoint, training={"epochs": 1})
    with caplog.at_level("INFO"):
        result = fit(screen, checkpoint=checkpoint, training={"epochs": 2})
    assert "belongs to other data or options" in caplog.text
    assert len(result["history"]) == 2


def test_a_damaged_checkpoint_is_not_taken_up(screen, tmp_path, caplog):
    (tmp_path / "fold.npz").write_bytes(b"PK\x03\x04 cut short")
    result = fit(screen, checkpoint=tmp_path / "fold.npz", training={"epochs": 1})
    assert "cannot be read" in caplog.text
    assert len(result["history"]) == 1


def test_the_cosine_schedule_falls_to_zero():
    options = {**TRAINING, "schedule": "cosine", "epochs": 10}
    rates = [fine_tuning._learning_rate(options, epoch, []) for epoch in (0, 5, 10)]
    np.testing.assert_allclose(rates, [2e-3, 1e-3, 0], atol=1e-12)


def test_the_plateau_schedule_cuts_when_nothing_improves():
    options = {**TRAINING, "schedule": "plateau", "patience": 4}
    losses = [3.0, 2.0, 2.1, 2.2, 1.9, 2.0]
    history = [{"loss": 9.0, "val_loss": loss} for loss in losses]
    rates = [fine_tuning._learning_rate(options, i, history[:i]) for i in range(7)]
    np.testing.assert_allclose(np.array(rates) / 2e-3, [1, 1, 1, 1, 0.3, 0.3, 0.3])


def test_class_weights_give_each_class_the_same_say():
    samples = fine_tuning.Samples(
        [np.zeros((8, 1))], np.array([0, 0, 0, 1, 2, 2, 2, 2]), {"train": np.arange(7)}, list("abc")
    )
    weights = fine_tuning._class_weights(samples)
    counts = np.array([3, 1, 3])
    np.testing.assert_allclose(weights * counts, 7 / 3, rtol=1e-6)


def test_mlp_separates_what_is_separable():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    features = rng.normal(size=(300, 6)).astype("float32") * 50 + 1000
    features[np.arange(300), labels] += 400
    features = np.hstack([features, np.full((300, 1), 7.0, "float32")])
    rows = {"train": np.arange(200), "validation": np.arange(200, 240), "test": np.arange(240, 300)}
    head = {"hidden": [16], "dropout": 0.1, "l2": 1e-5}
    options = {**TRAINING, "epochs": 20, "learning_rate": 0.01}
    result = fine_tuning.fit_mlp(features, labels, rows, list("abc"), head, options, seed=0)
    assert (result["predictions"].argmax(axis=1) == labels[240:]).mean() > 0.95
    assert result["model"].input_shape == (None, 7)


def test_a_killed_perceptron_goes_on_from_its_checkpoint(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(60, 4)).astype("float32"), rng.integers(0, 2, 60)
    rows = {"train": np.arange(30), "validation": np.arange(30, 40), "test": np.arange(40, 60)}
    head = {"hidden": [4], "dropout": 0.1, "l2": 0.0}
    options = {**TRAINING, "epochs": 5, "patience": 99}
    epoch, done = fine_tuning._epoch, []

    def killed_in_the_fourth(*given):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(1)
        return epoch(*given)

    def fit(seed=0, checkpoint=None):
        given = (features, labels, rows, list("ab"), head, options)
        return fine_tuning.fit_mlp(*given, seed=seed, checkpoint=checkpoint)

    whole = fit()
    monkeypatch.setattr(fine_tuning, "_SHORT_EPOCHS", 2)
    monkeypatch.setattr(fine_tuning, "_epoch", killed_in_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        fit(checkpoint=tmp_path / "fold.npz")
    done.clear()
    resumed = fit(checkpoint=tmp_path / "fold.npz")
    assert len(done) == 3  # the third epoch was not saved
    np.testing.assert_array_equal(resumed["predictions"], whole["predictions"])
    assert len(resumed["history"]) == 5
    again = fit(checkpoint=tmp_path / "fold.npz")  # which is complete now: nothing is trained
    np.testing.assert_array_equal(again["predictions"], whole["predictions"])
    with pytest.raises(KeyboardInterrupt):
        fit(seed=1, checkpoint=tmp_path / "fold.npz")


def test_a_saved_model_predicts_the_same_and_carries_its_metadata(screen, tmp_path):
    result = fit(screen, LITE0, training={"epochs": 1})
    metadata = {"channels": ["a", "b"], "classes": CLASSES, "unit_size": [32, 32]}
    saving.save_model(result["model"], tmp_path / "m.keras", metadata)
    model, read = saving.load_model(tmp_path / "m.keras", {"channels": ["a", "b"]})
    assert read == metadata
    paths, _, rows = screen
    units = np.concatenate([np.load(path) for path in paths])[rows["test"]]
    np.testing.assert_allclose(model.predict_on_batch(units), result["predictions"], atol=1e-5)


def test_a_model_of_other_channels_is_refused(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    saving.save_model(model, tmp_path / "m.keras", {"channels": ["DNA", "actin"]})
    with pytest.raises(InputError, match=r"channels: the model has \['DNA', 'actin'\]"):
        saving.load_model(tmp_path / "m.keras", {"channels": ["actin", "DNA"]})


def test_a_file_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "m.keras").write_text("hello")
    with pytest.raises(InputError, match="damaged, or no file that MoAscope wrote"):
        saving.load_model(tmp_path / "m.keras")


def rewritten(path, change):
    """Rewrite the members of a saved model."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def cut_config(members):
    members["config.json"] = members["config.json"][:200]


def no_weights(members):
    del members["model.weights.h5"]


def half_of_the_weights(members):
    members["model.weights.h5"] = members["model.weights.h5"][:500]


def unknown_layer(members):
    members["config.json"] = members["config.json"].replace(b'"Dense"', b'"Denser"')


def strange_layer(members):
    members["config.json"] = members["config.json"].replace(b'"units": 1', b'"units": [1]')


def no_description(members):
    members["moascope.json"] = b"[]"


CHANGES = [
    *(cut_config, no_weights, half_of_the_weights, unknown_layer, strange_layer, no_description)
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_damaged_model_is_refused_in_one_line(tmp_path, change):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    saving.save_model(model, tmp_path / "m.keras", {})
    rewritten(tmp_path / "m.keras", change)
    with pytest.raises(InputError) as raised:
        saving.load_model(tmp_path / "m.keras")
    message = str(raised.value)
    assert message.startswith(f"{tmp_path / 'm.keras'}: is damaged, or no file that MoAscope wrote")
    assert "\n" not in message


def test_a_model_that_holds_a_program_is_refused_and_does_not_run_it(tmp_path):
    layer = keras.layers.Lambda(lambda x: x + 1)
    model = keras.Sequential([keras.Input((2,)), layer])
    saving.save_model(model, tmp_path / "m.keras", {})
    with pytest.raises(InputError, match=r"m\.keras: is damaged.*ValueError.*[Ll]ambda"):
        saving.load_model(tmp_path / "m.keras")


def test_a_model_of_keras_alone_is_refused(tmp_path):
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(tmp_path / "m.keras")
    with pytest.raises(InputError, match=r"There is no item named 'moascope\.json'"):
        saving.load_model(tmp_path / "m.keras")


def test_a_damaged_model_of_a_run_is_named_with_its_rule(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = Path("results/screen/models/lite0.keras")
    file.parent.mkdir(parents=True)
    file.write_bytes(b"PK")
    with pytest.raises(InputError, match=r"run again, or run with --forcerun final_model\.$"):
        saving.load_model(file)


def test_unlabelled_training_units_are_an_error(screen):
    labels = screen[1].copy()
    labels[:3] = -1
    with pytest.raises(InputError, match="3 train units have no class"):
        fit(screen, labels=labels)


def test_an_unknown_layer_to_unfreeze_from_is_answered_with_the_nearest(screen):
    with pytest.raises(InputError, match=r"no layer 'block2_expand_con'\. Did you mean block2_exp"):
        fit(screen, LITE0, options={"unfreeze_from": "block2_expand_con"})


def test_a_training_that_diverges_says_so(screen):
    with pytest.raises(InputError, match=r"it has diverged\. Lower learning_rate"):
        fit(screen, training={"optimizer": "sgd", "learning_rate": 1e12, "epochs": 5})


def test_plates_of_different_size_are_an_error_that_names_the_key(screen):
    paths, _, _ = screen
    np.save(paths[1], np.zeros((25, 48, 32, 2), "float16"))
    message = r"plates differ in size.*p2\.npy holds units of \(48, 32, 2\).*Set units\.size"
    with pytest.raises(InputError, match=message):
        fit(screen)


def test_class_weights_change_what_a_rare_class_is_worth():
    rng = np.random.default_rng(0)
    labels = (np.arange(120) % 10 == 0).astype(int)
    features = (rng.normal(size=(120, 3)) + labels[:, None]).astype("float32")
    rows = {"train": np.arange(80), "validation": np.arange(0), "test": np.arange(80, 120)}
    head = {"hidden": [], "dropout": 0.0, "l2": 0.0}

    def share_of_the_rare_class(class_weights):
        options = {**TRAINING, "epochs": 15, "learning_rate": 0.05, "class_weights": class_weights}
        given = (features, labels, rows, list("ab"), head, options)
        return fine_tuning.fit_mlp(*given, seed=0)["predictions"][:, 1].mean()

    assert share_of_the_rare_class(True) > 2 * share_of_the_rare_class(False)


def test_a_saved_classifier_carries_the_statistics_of_its_plates(tmp_path):
    model = keras.Sequential(
        [keras.Input((8, 8, 2)), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    statistics = pd.DataFrame({"plate": ["P1"], "channel": ["DNA"], "mean": [0.5]})
    given = {"channels": ["DNA", "Actin"], "normalization": {"steps": []}, "unit_size": 8}
    fine_tuning.save_classifier(
        model, tmp_path / "m.keras", ["x", "y"], statistics, given, unit_shape=(8, 8)
    )
    _, about = saving.load_model(tmp_path / "m.keras")
    assert about["statistics"] == [{"plate": "P1", "channel": "DNA", "mean": 0.5}]
    assert about["classes"] == ["x", "y"]
    assert about["unit_shape"] == [8, 8]


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
        fine_tuning.check_model(options, channels, shape)
    augmentation.check(given.model_dump(mode="json")["augmentation"], shape, len(channels))


def test_units_that_cannot_be_turned_are_refused_before_anything_is_computed():
    options = classification_options.Model(split="s", views=8, weights="none").model_dump(
        mode="json"
    )
    with pytest.raises(InputError, match="8 views need square units, and these are 40 x 50 px"):
        fine_tuning.check_model(options, list("abc"), (40, 50))
    with pytest.raises(InputError, match="quarter_turn needs square units; these are 40 x 50 px"):
        augmentation.check([{"name": "flip"}, {"name": "quarter_turn"}], (40, 50), 3)
    augmentation.check([{"name": "flip"}], (40, 50), 3)


GRAINS = ["fine", "middling", "rough"]
ABOUT = {"channels": ["a", "b", "c"], "normalization": {"steps": []}, "unit_size": 32}


def units_of_three_classes(n=24, side=32):
    """Units whose brightness and grain tell their class, with a channel that never varies."""
    rng = np.random.default_rng(5)
    codes = np.arange(n) % 3
    grain = rng.random((n, side, side, 3)) * (0.1 + 0.2 * codes)[:, None, None, None]
    grain[..., 2] = 0.25
    return (grain + rng.random((n, 1, 1, 1)) * 0.1).astype("float16"), codes


@pytest.mark.parametrize("kind", ["lda", "logistic", "svm", "gradient-boosting", "mlp"])
@pytest.mark.parametrize("seen", [["network", "hand-crafted"], ["hand-crafted"], ["network"]])
def test_a_loaded_classifier_predicts_what_its_head_does(tmp_path, seen, kind):
    units, codes = units_of_three_classes()
    np.save(tmp_path / "units.npy", units)
    extractor, parts, n_crafted = None, [], 0
    if "network" in seen:
        mapping = {"kind": "triple"}
        taps = ["block2_add"]
        network = backbones.build(
            *("efficientnet-lite0", "imagenet", None, ["a", "b", "c"], mapping, taps),
            unit_shape=(32, 32),
        )
        features.extract(network, [tmp_path / "units.npy"], None, tmp_path / "f.npy", views=4)
        extractor = features.with_views(network, 4, (32, 32))
        parts.append(np.load(tmp_path / "f.npy"))
    if "hand-crafted" in seen:
        parts.append(handcrafted_features.image_features(units, "hand-crafted"))
        n_crafted = parts[-1].shape[1]
    table = np.hstack(parts)
    options = {
        "lda": {"type": "lda", "shrinkage": "auto"},
        "logistic": {"type": "logistic", "C": 1.0},
        "svm": {"type": "svm", "C": 10.0, "gamma": "scale"},
        "gradient-boosting": {
            **{"type": "gradient-boosting", "n_estimators": 20},
            **{"learning_rate": 0.1, "max_depth": 3},
        },
        "mlp": {"type": "mlp", "hidden": [4], "dropout": 0.0, "l2": 0.0},
    }[kind]
    head = fine_tuning.fit_final_head(
        table, codes, GRAINS, {"head": options, "training": {**TRAINING, "epochs": 2}}, seed=0
    )
    expected = (
        head.predict_on_batch(table) if kind == "mlp" else softmax(head.logits(table), axis=1)
    )
    statistics = pd.DataFrame({"plate": ["P1"]})
    fine_tuning.save_classifier(
        *(fine_tuning.classifier(extractor, head, n_crafted), tmp_path / "m.keras", GRAINS),
        *(statistics, ABOUT),
        unit_shape=(32, 32),
    )
    model, about = saving.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(fine_tuning.predict_units(model, units), expected, atol=1e-4)
    names = {"network": "image", "hand-crafted": "hand_crafted"}
    assert [entry["name"] for entry in about["inputs"]] == [names[name] for name in seen]
    assert about["unit_shape"] == [32, 32]
    if n_crafted:
        assert about["inputs"][-1]["shape"] == [n_crafted]
        assert (
            "moascope.preprocessing.handcrafted_features.image_features"
            in about["inputs"][-1]["content"]
        )
        with pytest.raises(InputError, match=r"hand-crafted features, and the model takes"):
            fine_tuning.predict_units(model, units[:, :8, :8])


def test_validation_passes_are_counted_in_pixels(screen, monkeypatch):
    paths, labels, rows = screen
    samples = fine_tuning.Samples([np.load(path) for path in paths], labels, rows, CLASSES)
    model = fine_tuning._classifier(
        {**LITE0, "transfer": "full"}, ["a", "b"], len(CLASSES), (32, 32)
    )
    (whole,) = fine_tuning._predict(model, samples, "test", 64)
    sizes, gather = [], features.gather

    def noted(stacks, places, n=None):
        sizes.append(n)
        return gather(stacks, places, n)

    monkeypatch.setattr(features, "gather", noted)
    monkeypatch.setattr(features, "_PIXELS_PER_CALL", {"cpu": 2 * 32 * 32, "gpu": 2 * 32 * 32})
    (parts,) = fine_tuning._predict(model, samples, "test", 64)
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
    warning = fine_tuning.size_warning("lite0", {"input_size": input_size}, unit_shape)
    assert bool(warning) == is_warned
    if is_warned:
        assert warning["about"] == "models.lite0"
        assert "500 x 640 px" in warning["text"]
        assert "models.lite0.input_size" in warning["text"]
