import pytest
from pydantic import ValidationError

from moascope.classification.options import Model
from moascope.classification.training.options import (
    Augmentation,
    Training,
)
from moascope.core.options import restore


def test_defaults_are_filled_in():
    assert Augmentation(name="blur", sigma=2).values() == {"sigma": 2.0, "probability": 0.5}
    assert Augmentation(name="flip").values() == {"probability": 1.0}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "rotate"}, "unknown augmentation 'rotate'; did you mean 'rotation'"),
        ({"name": "zoom", "factor": 0.1}, "unknown parameter of zoom 'factor'; did you mean"),
        ({"name": "shift", "fraction": 0.9}, "shift.fraction must be between 0.0 and 0.5, got 0.9"),
        ({"name": "shift", "fraction": True}, "shift.fraction must be between 0.0 and 0.5"),
        ({"name": "flip", "p": 0.5}, "unknown parameter of flip 'p'; known: probability"),
        ({"name": "elastik"}, "unknown augmentation 'elastik'; did you mean 'elastic'"),
        ({"name": "lens", "fractoin": 0.1}, "unknown parameter of lens 'fractoin'; did you mean"),
        ({"name": "flip", "probability": 1.5}, "flip.probability must be between 0.0 and 1.0"),
        ({"name": "mask", "fill": "meen"}, "value of mask.fill 'meen'; did you mean 'mean'"),
        (
            {"name": "rand_augment", "methods": ["rotate"]},
            "name in rand_augment.methods 'rotate'; did you mean 'rotation'",
        ),
        (
            {"name": "rand_augment", "methods": "rotation"},
            "must be a list of names",
        ),
        ({"name": "rand_augment", "methods": ["zoom", "zoom"]}, "has a name twice"),
        (
            {"name": "rand_augment", "n": 3, "methods": ["zoom", "shift"]},
            "rand_augment.n .3. must be at most the number of methods .2.",
        ),
    ],
)
def test_what_is_wrong_is_refused(given, message):
    with pytest.raises(ValidationError, match=message):
        Augmentation(**given)


def test_all_problems_of_an_augmentation_are_named_at_once():
    with pytest.raises(ValidationError) as raised:
        Augmentation(name="blur", sigma=9, radius=1)
    assert "blur.sigma must be between" in str(raised.value)
    assert "unknown parameter of blur 'radius'" in str(raised.value)


def test_plain_values_of_checked_options_are_restored():
    training = Training(epochs=3)
    assert restore(Training, training.model_dump(mode="json")) == training
    blur = Augmentation(name="blur", sigma=2)
    assert restore(Augmentation, blur.model_dump(mode="json")) == blur
    drawn = Augmentation(name="rand_augment", n=1, methods=["zoom", "noise"])
    assert restore(Augmentation, drawn.model_dump(mode="json")).values() == drawn.values()


def test_options_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        Training().epochs = 4


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"optimizer": "adamv"}, "Input should be 'adam'"),
        ({"optimizer": "adam", "momentum": 0.5}, "momentum has no effect with optimizer 'adam'"),
        ({"momentum": 0.5}, "momentum has no effect without optimizer; set optimizer to sgd or"),
        ({"optimizer": "rmsprop", "rho": 2}, "less than 1"),
        ({"schedule": "cosine", "decay": 0.5}, "decay has no effect with schedule 'cosine'"),
        ({"focal_gamma": 1}, "focal_gamma has no effect with loss 'cross-entropy'"),
        ({"class_weights": True, "balanced_sampling": True}, "class_weights has no effect with"),
        ({"clip_norm": 1, "clip_value": 1}, "clip_norm and clip_value exclude each other"),
        ({"clip_norm": 1, "layer_decay": 0.9}, "clip_norm cannot be used with layer_decay"),
        ({"head_epochs": 10}, r"head_epochs \(10\) must be below epochs \(10\)"),
        ({"head_learning_rate": 0.1}, "head_learning_rate has no effect with head_epochs 0"),
    ],
)
def test_options_that_do_not_go_together_are_refused(given, message):
    with pytest.raises(ValidationError, match=message):
        Training(**given)


def test_pretrained_networks_are_trained_with_small_steps_after_a_warm_up():
    tuned = Training().complete(is_fine_tuned=True)
    assert (tuned.optimizer, tuned.learning_rate, tuned.warm_up) == ("adamw", 1e-4, 0.1)
    constant = Training(schedule="constant", optimizer="sgd").complete(is_fine_tuned=True)
    assert (constant.optimizer, constant.warm_up) == ("sgd", 0.0)


def test_new_networks_keep_larger_steps():
    new = Training().complete(is_fine_tuned=False)
    assert (new.optimizer, new.learning_rate, new.warm_up) == ("adam", 1e-3, 0.0)
    assert Training(schedule="one-cycle").complete(is_fine_tuned=False).warm_up == 0.3


def test_a_plateau_waits_for_half_of_the_patience():
    assert Training(patience=4).complete(is_fine_tuned=False).plateau_epochs == 2
    final = Training(patience=4).without_validation(is_fine_tuned=False)
    assert (final.patience, final.plateau_epochs) == (None, 2)


def test_keys_of_pretrained_layers_have_no_effect_on_heads():
    with pytest.raises(ValidationError, match=r"training\.layer_decay has no effect with transfer"):
        Model(split="s", head={"type": "mlp"}, training={"layer_decay": 0.5})
    with pytest.raises(ValidationError, match=r"training\.head_epochs has no effect with weights"):
        Model(split="s", transfer="full", weights="none", training={"head_epochs": 1})
