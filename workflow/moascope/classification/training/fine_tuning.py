"""Fine-tuning: a backbone and its head, trained together fold by fold."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd

from moascope.classification.features import with_views
from moascope.classification.streaming import check_alike
from moascope.classification.training import augmentation
from moascope.classification.training.loop import Plan, Trained, Trunk, fit, predict
from moascope.classification.training.options import Augmentation, FineTuning
from moascope.classification.training.perceptron import add_head
from moascope.classification.training.samples import Samples, check_samples, fingerprint
from moascope.core.digests import array_digest, file_digest
from moascope.core.errors import InputError
from moascope.core.files import read_array
from moascope.core.text.suggestions import FEW_NAMES, hint_at, similar_names
from moascope.networks import backbones
from moascope.networks.keras_defaults import keras, layers
from moascope.networks.layers import pool
from moascope.networks.options import BackboneOptions, FrozenNetwork
from moascope.networks.registry import ChannelMapping, find_backbone
from moascope.networks.saving import precision_policy

logger = logging.getLogger(__name__)

_LARGE_UNITS = 512  # px
_ANY_SIDE = 224  # px: usual for networks pretrained on ImageNet


def fit_fold(
    unit_files: Sequence[str | os.PathLike[str]],
    labels: np.ndarray,
    rows: Mapping[str, np.ndarray],
    classes: Sequence[str],
    channels: Sequence[str],
    options: FineTuning,
    augmentations: Sequence[Augmentation] = (),
    *,
    seed: int,
    checkpoint: str | os.PathLike[str] | None = None,
    code: str = "",
    last_epoch: int | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Trained:
    """Fine-tune a backbone on the training units of one fold, and predict its test units.

    Parameters
    ----------
    unit_files : sequence of path
        `.npy` arrays `(n, H, W, C)`, float16 in [0, 1]; read by batch.
    labels : numpy.ndarray
        int `(N,)`, class index of every unit of all files, one file after the other.
    rows : mapping
        `train`, `validation`, `test` to row numbers in 0 .. N-1. Without validation there is no
        early stopping, and the last epoch's weights are taken; with it those of the best epoch.
    classes : sequence of str
        Class names by index.
    channels : sequence of str
        Channel names, in the order of the units' last axis.
    options : FineTuning
        Network, head and training. Nulls of the training stand for what suits pretrained weights
        or, without them, new ones.
    augmentations : sequence of Augmentation
        Used where `options.augment` is true.
    seed : int
        Of weights, order, dropout and augmentation.
    checkpoint : path or None
        Written after every epoch. A checkpoint of the same task is continued. The caller removes
        it once the results are safe. The task is all that is given here, with every value of the
        files.
    code : str
        Digest of the code that trains, see `code_digests.digest_code`; it is part of the task.
    last_epoch : int or None
        Epoch after which the training ends, with the learning rates of `options.training`.
    callbacks : sequence of keras.callbacks.Callback
        Called as `Model.fit` does.

    Returns
    -------
    Trained
        The model takes images.

    Raises
    ------
    InputError
        For options that do not go together, unknown layers, unlabelled training units, or a
        training that diverges.
    """
    stacks = [read_array(path, mapped=True) for path in unit_files]
    check_alike(stacks, unit_files)
    samples = Samples(stacks, np.asarray(labels), rows, list(classes))
    check_samples(samples)
    keras.utils.set_random_seed(seed)
    training = options.training.complete(is_fine_tuned=options.weights != "none")
    height, width = stacks[0].shape[1:3]
    with precision_policy(training.mixed_precision):
        core = build_classifier(options, channels, len(classes), (height, width))
        augmenters = augmentation.build(augmentations, seed) if options.augment else []
        learner = _with_augmentation(core, augmenters)
        task = ""
        if checkpoint is not None:
            plain = [options.model_dump(mode="json"), [each.model_dump() for each in augmentations]]
            given = [list(channels), *plain, seed, code, _weights_digest(options), last_epoch]
            task = fingerprint(samples, [array_digest(stack) for stack in stacks], given)
        plan = Plan(training, seed, checkpoint, task, last_epoch=last_epoch, callbacks=callbacks)
        network = core.get_layer("trunk")
        trunk = Trunk(partial(freeze, network, options), network.layers)
        history = fit(learner, core, samples, plan, trunk)
        both = keras.Model(core.input, [core.get_layer("embedding").output, core.output])
        embedding, predictions = predict(both, samples, "test", training.batch_size)
    return Trained(core, history, predictions, embedding)


def fit_all(
    unit_files: Sequence[str | os.PathLike[str]],
    labels: np.ndarray,
    classes: Sequence[str],
    channels: Sequence[str],
    options: FineTuning,
    augmentations: Sequence[Augmentation],
    history: pd.DataFrame,
    *,
    seed: int,
    checkpoint: str | os.PathLike[str] | None = None,
    code: str = "",
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> keras.Model:
    """Fine-tune a backbone on all labelled units, which leaves none to test it.

    Parameters
    ----------
    unit_files, classes, channels, options, augmentations, seed, checkpoint, code, callbacks
        As for `fit_fold`.
    labels : numpy.ndarray
        int `(N,)`, class index of every unit; -1 for units without label or outside of the split.
    history : pandas.DataFrame
        Training curves of all folds, see `choose_epochs`.

    Returns
    -------
    keras.Model
        From images to probabilities.

    Raises
    ------
    InputError
        As of `fit_fold`.
    """
    last_epoch = choose_epochs(history)
    logger.info("training on all labelled units for %d epochs", last_epoch)
    training = options.training.without_validation(is_fine_tuned=options.weights != "none")
    trained = fit_fold(
        unit_files,
        labels,
        {"train": np.flatnonzero(np.asarray(labels) >= 0)},
        classes,
        channels,
        options.model_copy(update={"training": training}),
        augmentations,
        seed=seed,
        checkpoint=checkpoint,
        code=code,
        last_epoch=last_epoch,
        callbacks=callbacks,
    )
    return trained.model


def choose_epochs(history: pd.DataFrame) -> int:
    """Choose the number of epochs of a training without validation units.

    Parameters
    ----------
    history : pandas.DataFrame
        Training curves of all folds: `HISTORY_COLUMNS`, repeat and fold.

    Returns
    -------
    int
        Median over folds of the epoch with the lowest validation loss, rounded up; of the last
        epoch for folds without validation units.
    """
    best = []
    for _, curve in history.groupby(["repeat", "fold"]):
        is_last = curve["epoch"] == curve["epoch"].max()
        is_lowest = curve["val_loss"] == curve["val_loss"].min()
        best.append(curve.loc[is_lowest if is_lowest.any() else is_last, "epoch"].iloc[-1])
    return int(np.ceil(np.median(best)))


def check_model(
    options: FrozenNetwork | FineTuning,
    channels: Sequence[str],
    unit_shape: tuple[int, int] | None,
) -> None:
    """Check that the network of a model can be built.

    Parameters
    ----------
    options : FrozenNetwork or FineTuning
        The network.
    channels : sequence of str
        Of the units.
    unit_shape : (int, int) or None
        Their height and width in pixels; None if that is not known.

    Raises
    ------
    InputError
        If a layer or a channel is unknown, weights cannot be found or do not fit, or units that
        are not square would have to be turned.
    """
    shape = unit_shape or (_ANY_SIDE, _ANY_SIDE)
    is_sized = unit_shape is not None or options.input_size is not None
    if not is_sized and find_backbone(options.backbone).needs_size:
        options = options.model_copy(update={"weights": "none"})  # they fit one size only
    if isinstance(options, FineTuning):
        build_classifier(options, channels, 2, shape)
    else:
        model = backbones.build_extractor(options, channels, shape)
        with_views(model, options.views, shape)


def size_warning(
    name: str, options: BackboneOptions, unit_shape: tuple[int, int] | None
) -> dict[str, str] | None:
    """Return a warning of units that reach a network at a size that costs much time.

    Parameters
    ----------
    name : str
        Of the model.
    options : BackboneOptions
        Of the model.
    unit_shape : (int, int) or None
        Height and width of the units in pixels; None if that is not known.

    Returns
    -------
    dict or None
        id, about and text, where a side is longer than 512 px and `input_size` is null.
    """
    if unit_shape is None or options.input_size or max(unit_shape) <= _LARGE_UNITS:
        return None
    height, width = unit_shape
    factor = height * width / 256**2
    return {
        "id": "large-units",
        "about": f"models.{name}",
        "text": f"Units of {height} x {width} px enter the network of {name} at full size, which "
        f"takes {factor:.0f} times as long as 256 px. For shorter training, set units.size, "
        f"units.tiles or models.{name}.input_size.",
    }


def build_classifier(
    options: FineTuning,
    channels: Sequence[str],
    n_classes: int,
    unit_shape: tuple[int, int],
) -> keras.Model:
    """Build a network from images to probabilities, whose frozen layers do not learn.

    Parameters
    ----------
    options : FineTuning
        Network and head.
    channels : sequence of str
        Of the units.
    n_classes : int
        Number of classes.
    unit_shape : (int, int)
        Height and width of the units in pixels.

    Returns
    -------
    keras.Model
        `(n, H, W, C)` to `(n, n_classes)`, with the layers `trunk` and `embedding`.

    Raises
    ------
    InputError
        For options that do not go together, or unknown layers.
    """
    features = backbones.build(
        options.backbone,
        options.weights,
        options.input_size,
        channels,
        ChannelMapping(options.channel_mapping, options.rgb_channels),
        options.feature_layers,
        pooling=None,
        unit_shape=unit_shape,
        architecture=options.own_architecture(),
    )
    freeze(features.get_layer("trunk"), options, is_head_only=False)
    output = add_head(pool(features.output, options.pooling), options.head, n_classes)
    return keras.Model(features.input, output, name=features.name)


def freeze(trunk: keras.Model, options: FineTuning, is_head_only: bool) -> None:
    """Set which layers of a network learn.

    Parameters
    ----------
    trunk : keras.Model
        The network without its head.
    options : FineTuning
        Transfer, first layer that learns, and batch normalization.
    is_head_only : bool
        Whether all of its layers keep their weights for now.

    Raises
    ------
    InputError
        For options that do not go together, or an unknown layer.
    """
    is_pretrained = options.weights != "none"
    first = options.unfreeze_from
    if options.transfer not in ("partial", "full"):
        raise InputError(f"transfer: {options.transfer!r} is not fine-tuning; use partial or full.")
    names = [layer.name for layer in trunk.layers]
    n_frozen = 0
    if options.transfer == "partial":
        if not is_pretrained:
            raise InputError(
                "transfer: partial keeps random weights where weights is none. Use full, or "
                "pretrained weights."
            )
        if first not in names:
            raise InputError(
                f"unfreeze_from: {options.backbone} has no layer {first!r}. "
                f"{hint_at(similar_names(str(first), names, n=4, ratio=FEW_NAMES))}"
                "transfer: partial needs the first layer that is to learn."
            )
        n_frozen = names.index(first)
    # The statistics of a few small batches are worse than the ones that came with it.
    keeps_norm = options.training.freeze_batch_norm
    keeps_norm = is_pretrained if keeps_norm is None else keeps_norm
    for i, layer in enumerate(trunk.layers):
        is_norm = isinstance(layer, layers.BatchNormalization)
        learns = i >= n_frozen and not (is_norm and keeps_norm)
        layer.trainable = learns and not is_head_only


def _with_augmentation(core: keras.Model, augmenters: Sequence[layers.Layer]) -> keras.Model:
    """Build a learner that augments in training, so that augmentation is not saved."""
    if not augmenters:
        return core
    image = keras.Input(core.input_shape[1:], name="unit")
    x = image
    for layer in augmenters:
        x = layer(x)
    return keras.Model(image, core(x), name="learner")


def _weights_digest(options: FineTuning) -> str:
    """Compute the digest of the first weights; published weights are known by their name."""
    is_file = options.weights not in ("none", "imagenet")
    return file_digest(options.weights) if is_file else options.weights
