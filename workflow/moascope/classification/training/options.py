"""Options of augmentation and of the training of networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model, field_validator

from moascope.classification.heads.kinds.mlp import MlpOptions
from moascope.classification.training.augmentation_methods import find_method
from moascope.core.options import (
    OneOf,
    Section,
    consistency_check,
    refuse,
    restore,
    without_effect,
)
from moascope.core.text.suggestions import unknown
from moascope.networks.options import BackboneOptions, FrozenNetwork
from moascope.networks.training.losses import LOSSES
from moascope.networks.training.optimizers import OPTIMIZERS
from moascope.networks.training.schedules import SCHEDULES

USUAL_PATIENCE = 10
"""Epochs without better validation loss, where validation units are there."""


class Augmentation(BaseModel):
    """One augmentation and its parameters (see the table below)."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str = Field(description="name of the augmentation, see the table of augmentations")

    @consistency_check
    def _known(self) -> Augmentation:
        parameters = find_method(self.name).parameters
        problems = []
        for key, value in (self.model_extra or {}).items():
            if key not in parameters:
                problems.append(unknown(f"parameter of {self.name}", key, parameters))
                continue
            low, high = parameters[key].lowest, parameters[key].highest
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not is_number or not low <= value <= high:
                problems.append(
                    f"{self.name}.{key} must be between {low} and {high}, got {value!r}"
                )
        refuse(problems)
        return self

    def values(self) -> dict[str, float]:
        """Return the values of all parameters, with defaults for those that are not set."""
        defaults = {
            key: parameter.default for key, parameter in find_method(self.name).parameters.items()
        }
        given = {key: float(value) for key, value in (self.model_extra or {}).items()}
        return {**defaults, **given}


class TrainingSection(Section):
    """Section `training` without the keys of single optimizers, schedules and losses."""

    epochs: int = Field(10, ge=1, le=10000, description="passes over the training units")
    batch_size: int = Field(32, ge=1, le=4096, description="units per step")
    optimizer: Annotated[str, OneOf(OPTIMIZERS.names)] | None = Field(
        None,
        description="optimizer; null: adamw for pretrained networks that are fine-tuned, else adam",
    )
    learning_rate: float | None = Field(
        None,
        gt=0,
        le=10,
        description="highest learning rate; null: 1e-4 for pretrained networks that are "
        "fine-tuned, else 1e-3",
    )
    schedule: Annotated[str, OneOf(SCHEDULES.names)] = Field(
        "cosine", description="learning-rate schedule"
    )
    warm_up: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="share of the epochs in which the rate rises; null: 0.3 for one-cycle, 0.1 for "
        "the cosine of pretrained networks that are fine-tuned, else 0",
    )
    loss: Annotated[str, OneOf(LOSSES.names)] = Field("cross-entropy", description="loss")
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="share of every label that is spread over all classes"
    )
    patience: int | None = Field(
        None,
        ge=1,
        description="epochs without better validation loss before training stops; needs validation "
        "units (`splits.{name}.validation`); null: 10 with validation units, else all epochs are "
        "trained",
    )
    class_weights: bool = Field(
        True,
        description="weight classes by inverse frequency, in training and in validation",
    )
    balanced_sampling: bool = Field(
        False,
        description="draw as many units of every class per epoch, in place of class_weights; all "
        "classes count the same in validation",
    )
    clip_norm: float | None = Field(
        None, gt=0, description="largest norm of all gradients together; null: none"
    )
    clip_value: float | None = Field(
        None, gt=0, description="largest absolute value of a gradient; null: none"
    )
    ema: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="validate and keep running means of the weights, of which a step leaves this "
        "share, such as 0.99; null: the weights themselves",
    )
    head_epochs: int = Field(
        0,
        ge=0,
        description="partial, full: first epochs, in which only the head is trained; they count as "
        "epochs",
    )
    head_learning_rate: float | None = Field(
        None, gt=0, le=10, description="constant learning rate of head_epochs; null: 1e-3"
    )
    layer_decay: float = Field(
        1.0,
        gt=0,
        le=1,
        description="partial, full: factor of the learning rate from each layer with weights to "
        "the one before it; the head has the full rate",
    )
    freeze_batch_norm: bool | None = Field(
        None,
        description="partial, full: keep statistics and weights of batch normalization; null: true "
        "for pretrained weights",
    )
    mixed_precision: bool = Field(False, description="float16 arithmetic on GPUs")
    tensorboard: bool = Field(
        False,
        description="write logs for TensorBoard to logs/{run}/tensorboard/{model}; a change trains "
        "again",
    )

    @consistency_check
    def _consistent(self) -> TrainingSection:
        problems = [
            *OPTIMIZERS.idle_keys(self, self.optimizer),
            *SCHEDULES.idle_keys(self, self.schedule),
            *LOSSES.idle_keys(self, self.loss),
        ]
        if not self.head_epochs:
            problems += without_effect(self, {"head_learning_rate": "head_epochs 0"})
        if self.balanced_sampling and self.class_weights:
            problems += without_effect(self, {"class_weights": "balanced_sampling true"})
        if self.clip_norm is not None and self.clip_value is not None:
            problems.append("clip_norm and clip_value exclude each other; remove one")
        if self.clip_norm is not None and self.layer_decay < 1:
            problems.append(
                "clip_norm cannot be used with layer_decay, whose layers have optimizers of their "
                "own; use clip_value"
            )
        if self.head_epochs >= self.epochs:
            problems.append(
                f"head_epochs ({self.head_epochs}) must be below epochs ({self.epochs}), so that "
                "the network is trained as well"
            )
        refuse(problems)
        return self

    def complete(self, *, is_fine_tuned: bool) -> Training:
        """Return the options with values in the place of nulls that depend on others.

        Parameters
        ----------
        is_fine_tuned : bool
            Whether pretrained layers are trained.

        Returns
        -------
        Training
            With optimizer, learning rate, warm-up and epochs of a plateau.
        """
        usual_warm_up = SCHEDULES.find(self.schedule).warm_up
        if is_fine_tuned and self.schedule == "cosine":
            usual_warm_up = 0.1
        wait = max(1, (self.patience or USUAL_PATIENCE) // 2)
        usual = {
            "optimizer": "adamw" if is_fine_tuned else "adam",
            "learning_rate": 1e-4 if is_fine_tuned else 1e-3,
            "warm_up": usual_warm_up,
            "head_learning_rate": 1e-3,
            "plateau_epochs": wait,
        }
        missing = {key: value for key, value in usual.items() if getattr(self, key) is None}
        return self.model_copy(update=missing)

    def without_validation(self, *, is_fine_tuned: bool) -> Training:
        """Return the options of a training on all units, which none is left to validate.

        Parameters
        ----------
        is_fine_tuned : bool
            As for `complete`.

        Returns
        -------
        Training
            Complete, with the learning rates of this one, and without patience.
        """
        return self.complete(is_fine_tuned=is_fine_tuned).model_copy(update={"patience": None})


if TYPE_CHECKING:
    Training = TrainingSection
else:
    Training = create_model(
        "Training",
        __base__=TrainingSection,
        __doc__="Training of a network (fine-tuning, training from scratch, mlp heads).",
        **OPTIMIZERS.fields(),
        **SCHEDULES.fields(),
        **LOSSES.fields(),
    )


class TransferOptions(Section):
    """Part of a network that is trained, and its training."""

    transfer: Literal["frozen", "partial", "full"] = Field(
        "frozen",
        description="frozen: the head is fitted to features; partial: layers from `unfreeze_from` "
        "on are trained; full: all layers are trained",
    )
    unfreeze_from: str | None = Field(None, description="partial: first layer that is trained")
    augment: bool = Field(True, description="partial, full: use the list `augmentation`")
    training: Training = Field(default_factory=Training, description="training options")


class FineTuning(BackboneOptions, TransferOptions):
    """Network that is trained together with its head."""

    head: MlpOptions

    @field_validator("head", mode="before")
    @classmethod
    def _read_head(cls, value: Any) -> Any:
        """Return the options that the end of a network has of a head of any type."""
        if not isinstance(value, Mapping):
            return value
        own = {key: value[key] for key in ("dropout", "l2", "hidden") if key in value}
        return own if value.get("type", "mlp") == "mlp" else {**own, "hidden": []}


def read_network(values: Mapping[str, Any]) -> FrozenNetwork | FineTuning:
    """Read the options of a network from plain values that were checked before.

    Parameters
    ----------
    values : mapping
        Options of a model, with `transfer`; other keys are ignored.

    Returns
    -------
    FrozenNetwork or FineTuning
        The second for `transfer` partial or full.
    """
    kind: type[FrozenNetwork | FineTuning]
    kind = FrozenNetwork if values["transfer"] == "frozen" else FineTuning
    return restore(kind, {key: values[key] for key in kind.model_fields if key in values})
