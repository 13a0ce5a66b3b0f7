"""Options of augmentation and of the training of networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from moascope.classification.heads.kinds.mlp import MlpOptions
from moascope.classification.training.augmentation_methods import find_method
from moascope.core.options import (
    Section,
    consistency_check,
    refuse,
    restore,
    without_effect,
)
from moascope.core.text.suggestions import unknown
from moascope.networks.options import BackboneOptions, FrozenNetwork


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


class Training(Section):
    """Training of a network (fine-tuning, training from scratch, mlp heads)."""

    epochs: int = Field(10, ge=1, le=10000, description="passes over the training units")
    batch_size: int = Field(32, ge=1, le=4096, description="units per step")
    optimizer: Literal["adam", "sgd"] = Field("adam", description="optimizer")
    learning_rate: float = Field(1e-3, gt=0, le=10, description="initial learning rate")
    momentum: float = Field(0.9, ge=0, lt=1, description="sgd: momentum")
    schedule: Literal["constant", "cosine", "plateau"] = Field(
        "cosine", description="learning-rate schedule"
    )
    patience: int = Field(
        10,
        ge=1,
        description="epochs without better validation loss before training stops; without "
        "validation units (`splits.{name}.validation`) all epochs are trained",
    )
    class_weights: bool = Field(True, description="weight classes by inverse frequency")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="label smoothing")
    mixed_precision: bool = Field(False, description="float16 arithmetic on GPUs")

    @consistency_check
    def _uses_its_keys(self) -> Training:
        if self.optimizer != "sgd":
            refuse(without_effect(self, {"momentum": f"optimizer {self.optimizer!r}"}))
        return self


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
