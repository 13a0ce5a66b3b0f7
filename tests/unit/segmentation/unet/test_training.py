import logging
import math

import h5py
import numpy as np
import pytest
from annotated_discs import write_discs

from moascope.core.errors import InputError
from moascope.segmentation.data.annotated_set import AnnotatedSet
from moascope.segmentation.engines.options.training import NetworkTraining, PatchAugmentation
from moascope.segmentation.engines.options.unet import Network
from moascope.segmentation.instances import InstanceParameters, parameters_for
from moascope.segmentation.schedule import HISTORY_COLUMNS, rate_of
from moascope.segmentation.unet import architecture
from moascope.segmentation.unet import training as segmentation_training
from moascope.segmentation.unet.architecture import predictor
from moascope.segmentation.unet.training import train, validate

TINY = Network(encoder="none", depth=1, filters=4)
SHORT = NetworkTraining(steps=4, batch_size=2, patch_size=32, learning_rate=5e-3, validate_every=2)


def fit(annotated, network=TINY, training=SHORT, **more):
    return train(annotated, network, training, PatchAugmentation(), seed=0, **more)


def weights(result):
    return np.concatenate([value.ravel() for value in result["model"].get_weights()])


def test_a_network_learns_to_find_discs(tmp_path):
    annotated = write_discs(tmp_path)
    training = SHORT.model_copy(update={"steps": 80, "batch_size": 4, "validate_every": 40})
    history = fit(annotated, TINY.model_copy(update={"filters": 8}), training)["history"]
    assert list(history.columns) == list(HISTORY_COLUMNS)
    assert history["step"].tolist() == [40, 80]
    assert history["loss"].is_monotonic_decreasing
    assert history["ap_50"].max() > 0.5


def test_a_network_that_bins_learns_and_predicts_at_full_size(tmp_path):
    annotated = write_discs(tmp_path)
    training = SHORT.model_copy(
        update={"steps": 80, "batch_size": 4, "patch_size": 64, "validate_every": 80}
    )
    done = fit(annotated, TINY.model_copy(update={"filters": 8, "binning": 2}), training)
    assert done["model"].predict_on_batch(np.zeros((1, 32, 64, 1)))[0].shape == (32, 64, 4)
    assert done["history"]["ap_50"].max() > 0.5


def test_running_means_of_the_weights_are_validated_and_training_goes_on_without_them(
    tmp_path, monkeypatch
):
    annotated = write_discs(tmp_path)
    build, checked = architecture.build, segmentation_training.validate
    before, after, seen, learners = [], [], [], []

    def flat(model):
        return np.concatenate([value.ravel() for value in model.get_weights()])

    def spied_build(*arguments):
        learner = build(*arguments)
        step = learner.train_on_batch

        def spied_step(*batch, **options):
            before.append(flat(learner))
            loss = step(*batch, **options)
            after.append(flat(learner))
            return loss

        monkeypatch.setattr(learner, "train_on_batch", spied_step)
        learners.append(learner)
        return learner

    def spied_validate(*arguments):
        seen.append(flat(learners[0]))
        return checked(*arguments)

    monkeypatch.setattr(architecture, "build", spied_build)
    monkeypatch.setattr(segmentation_training, "validate", spied_validate)
    result = fit(annotated)
    mean = after[0]
    for number, step in enumerate(after):
        mean = mean if number == 0 else 0.99 * mean + 0.01 * step
        if number in (1, 3):
            np.testing.assert_allclose(seen[number // 2], mean, rtol=1e-4, atol=1e-7)
            assert np.abs(mean - step).max() > 1e-5
    np.testing.assert_array_equal(before[2], after[1])
    best = int(result["history"]["mean_ap"].to_numpy()[::-1].argmax())
    np.testing.assert_array_equal(weights(result), seen[::-1][best])


def test_a_killed_training_goes_on_as_if_nothing_had_happened(tmp_path, monkeypatch, caplog):
    annotated = write_discs(tmp_path)
    network = TINY.model_copy(update={"dropout": 0.3})
    whole = fit(annotated, network)
    checkpoint = tmp_path / "unet.npz"

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        # Killed right after the first checkpoint.
        patch.setattr(segmentation_training, "log_validation", killed)
        with pytest.raises(KeyboardInterrupt):
            fit(annotated, network, checkpoint=checkpoint)
    with caplog.at_level(logging.INFO):
        resumed = fit(annotated, network, checkpoint=checkpoint)
    assert "continuing from" in caplog.text
    np.testing.assert_array_equal(weights(resumed), weights(whole))
    same = ["step", "loss", "mean_ap", "learning_rate"]
    assert resumed["history"][same].equals(whole["history"][same])


def test_a_checkpoint_is_of_one_set_and_one_choice_of_options(tmp_path):
    annotated = write_discs(tmp_path)

    def task(training=SHORT, seed=0):
        return segmentation_training._fingerprint(annotated, [TINY, training, seed])

    assert task() == task()
    first = task()
    assert task(seed=1) != first
    assert task(SHORT.model_copy(update={"learning_rate": 1e-3})) != first
    annotated.table.loc[0, "set"] = "validation"
    assert task() != first


def test_replacing_any_image_or_mask_makes_another_task(tmp_path):
    def task(folder):
        with AnnotatedSet(folder / "discs.h5", folder / "discs.parquet") as annotated:
            return segmentation_training._fingerprint(annotated, [])

    for name in ("a", "b"):
        write_discs(tmp_path / name, sets=("train",) * 20 + ("validation",) * 4 + ("test",)).close()
    first = task(tmp_path / "a")
    assert task(tmp_path / "b") == first  # what was packed again from the same images
    tasks = {first}
    for kind in ("images", "labels"):
        for number in range(25):
            with h5py.File(tmp_path / "b/discs.h5", "r+") as file:
                values = file[f"{kind}/{number:06d}"]
                before = values[:]
                values[:] = before + 1
            tasks.add(task(tmp_path / "b"))
            with h5py.File(tmp_path / "b/discs.h5", "r+") as file:
                file[f"{kind}/{number:06d}"][:] = before
    assert len(tasks) == 51


def test_the_code_is_part_of_the_task(tmp_path, caplog):
    annotated = write_discs(tmp_path)
    checkpoint = tmp_path / "unet.npz"
    fit(annotated, checkpoint=checkpoint, code="one")
    with caplog.at_level(logging.INFO):
        fit(annotated, checkpoint=checkpoint, code="one")
        assert "continuing from" in caplog.text
        caplog.clear()
        fit(annotated, checkpoint=checkpoint, code="other")
    assert "belongs to other data or options" in caplog.text


def test_the_best_validation_is_kept_and_patience_ends_the_training(tmp_path, monkeypatch):
    annotated = write_discs(tmp_path)
    given = iter([0.5, 0.4, 0.3, 0.2])
    seen = []

    def scores(_):
        return {"ap_50": 0.0, "mean_ap": next(given)}

    monkeypatch.setattr(segmentation_training, "scores_of", scores)
    original, predicting = segmentation_training.validate, []

    def watched(*arguments):
        assert arguments[-1] == parameters_for(map(annotated.labels, arguments[2]))
        assert arguments[-1].min_area > InstanceParameters.min_area
        values = [value.ravel() for value in predicting[0].get_weights()]
        seen.append(np.concatenate(values))
        return original(*arguments)

    def kept(model):
        predicting.append(model)
        return predictor(model)

    monkeypatch.setattr(segmentation_training, "validate", watched)
    monkeypatch.setattr(architecture, "predictor", kept)
    network = TINY.model_copy(update={"normalization": "none"})
    result = fit(annotated, network, SHORT.model_copy(update={"steps": 20, "patience": 2}))
    assert result["history"]["mean_ap"].tolist() == [0.5, 0.4, 0.3]
    np.testing.assert_array_equal(weights(result), seen[0])


def test_time_stops_a_training_loudly_and_changes_no_step(tmp_path, monkeypatch, caplog):
    annotated = write_discs(tmp_path, sets=("train", "train"))
    training = SHORT.model_copy(update={"steps": 9, "validate_every": 4})
    whole = fit(annotated, training=training)
    checkpoint = tmp_path / "unet.npz"
    clock = iter(range(0, 10_000, 10))  # 10 s pass between two looks at the time
    with monkeypatch.context() as patch:
        patch.setattr(segmentation_training.time, "perf_counter", lambda: next(clock))
        limited = training.model_copy(update={"max_minutes": 1.3})
        cut = fit(annotated, training=limited, checkpoint=checkpoint)["history"]
    last = int(cut["step"].iloc[-1])
    assert 4 < last < 9
    assert f"stopped at max_minutes (1.3) after {last} of 9 steps" in caplog.text
    # With more time the training goes on, and no step was another one than without any limit.
    longer = training.model_copy(update={"max_minutes": 1000.0})
    resumed = fit(annotated, training=longer, checkpoint=checkpoint)
    assert resumed["history"]["step"].tolist()[-2:] == [last, 9]
    np.testing.assert_array_equal(weights(resumed), weights(whole))
    rates = whole["history"].set_index("step")["learning_rate"]
    assert cut["learning_rate"].iloc[0] == rates[4]
    assert cut["mean_ap"].isna().all()


def test_the_learning_rate_rises_then_falls():
    training = NetworkTraining(steps=1000, learning_rate=1.0, warm_up=0.1)
    rates = [rate_of(training, step) for step in range(1000)]
    assert rates[0] < 0.02
    assert np.argmax(rates) == pytest.approx(100, abs=2)
    assert (np.diff(rates[100:]) < 0).all()
    assert rates[-1] == pytest.approx(0.01, abs=0.001)


@pytest.mark.parametrize("outputs", ["classes", "distance"])
def test_every_kind_of_output_and_deep_supervision_can_be_trained(tmp_path, outputs):
    annotated = write_discs(tmp_path, channels=("DNA", "Actin"))
    network = TINY.model_copy(update={"outputs": outputs, "deep_supervision": True})
    result = fit(annotated, network, SHORT.model_copy(update={"validate_every": 2}))
    predict, defaults = predictor(result["model"]), InstanceParameters()
    (tally, *_) = validate(predict, annotated, annotated.rows("validation"), 2, defaults)
    assert tally.n_objects > 0
    assert math.isfinite(result["history"]["loss"].iloc[-1])


def test_a_diverging_training_says_what_to_do(tmp_path):
    annotated = write_discs(tmp_path)
    with pytest.raises(InputError, match=r"diverged. Lower learning_rate \(now inf\)"):
        fit(annotated, training=SHORT.model_copy(update={"learning_rate": math.inf}))


def test_a_set_without_training_images_is_refused(tmp_path):
    annotated = write_discs(tmp_path)
    annotated.table["set"] = "test"
    with pytest.raises(InputError, match="has no training images"):
        fit(annotated)


def test_patches_must_fit_the_network(tmp_path):
    annotated = write_discs(tmp_path)
    with pytest.raises(InputError, match="patch_size: 51 px is no multiple of 2 px"):
        fit(annotated, training=NetworkTraining(patch_size=51))


# --- Saved models ---------------------------------------------------------------------------------
