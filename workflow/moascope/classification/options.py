"""Options of the section `models`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from moascope.classification.choices import HAND_CRAFTED, NETWORK, Choice
from moascope.classification.heads.base import CalibratedOptions
from moascope.classification.heads.options import Head
from moascope.classification.heads.registry import HEADS, get
from moascope.classification.training.options import FineTuning, TransferOptions
from moascope.core.options import (
    Name,
    Section,
    consistency_check,
    refuse,
    restore,
    without_effect,
)
from moascope.networks.architectures import TRAINING_KEYS
from moascope.networks.options import FrozenNetwork

Features = Annotated[list[Literal["network", "hand-crafted"]], Field(min_length=1, max_length=2)]


class Candidate(Section):
    """Features and head that a model may choose; null: those of the model."""

    features: Features | None = Field(None, description="features; null: those of the model")
    feature_layers: list[str] | None = Field(None, description="layers; null: those of the model")
    pooling: Literal["mean", "mean+sd"] | None = Field(
        None, description="pooling; null: that of the model"
    )
    head: Head | None = Field(None, description="head of any type but mlp; null: that of the model")


_KEYS_OF_NETWORKS = (
    "backbone",
    "weights",
    "architecture",
    "channel_mapping",
    "rgb_channels",
    "input_size",
    "feature_layers",
    "pooling",
    "views",
)
"""Keys of a model that only features of the network depend on."""


class _Tested(Section):
    split: str = Field(description="name of the split that the model is evaluated on")


class Model(TransferOptions, FrozenNetwork, _Tested):
    """One classifier: a split, a backbone, a head."""

    features: Features = Field(
        ["network"],
        description="frozen: input of the head: features of the network, hand-crafted texture "
        "features, or both",
    )
    head: Head = Field(default_factory=Head, description="classifier on top of the features")
    candidates: dict[Name, Candidate] = Field(
        {},
        description="frozen: features and heads to choose from, by name. Every fold uses the one "
        "with the highest balanced accuracy in an inner cross-validation over groups of its "
        "training units",
    )
    final_fit: bool = Field(
        True,
        description="partial, full: also fit the network to all labelled units, for use on other "
        "images",
    )

    @consistency_check
    def _consistent(self) -> Model:
        problems = [*self._idle_keys(), *self._idle_keys_of_candidates()]
        if self.transfer == "partial" and self.unfreeze_from is None:
            problems.append("transfer 'partial' also needs unfreeze_from (a layer name)")
        if self.rgb_channels is not None and len(self.rgb_channels) != 3:
            problems.append(f"rgb_channels must name three channels, got {len(self.rgb_channels)}")
        if (
            self.transfer != "frozen"
            and not get(self.head.type).is_network
            and "head" in self.model_fields_set
        ):
            problems.append(
                f"head type {self.head.type!r} works on frozen features only; use type "
                + " or ".join(head.name for head in HEADS if head.is_network)
            )
        refuse([*problems, *self._problems_of_features(), *self._problems_of_candidates()])
        return self

    def _idle_keys(self) -> list[str]:
        """Return the keys that were set, but have no effect with the values of others."""
        transfer = f"transfer {self.transfer!r}"
        reasons: dict[str, str] = {}
        if self.transfer != "partial":
            reasons["unfreeze_from"] = transfer
        if self.channel_mapping != "rgb":
            reasons["rgb_channels"] = f"channel_mapping {self.channel_mapping!r}"
        if self.transfer != "frozen":
            reasons |= dict.fromkeys(("views", "features", "candidates"), transfer)
            return [*without_effect(self, reasons), *self._idle_keys_of_training()]
        reasons |= dict.fromkeys(("augment", "final_fit"), transfer)
        if self.candidates:
            reasons["training"] = "candidates"
            reasons |= dict.fromkeys(self._replaced_keys(), "candidates that all have their own")
        elif not get(self.head.type).is_network:
            reasons["training"] = f"{transfer} and head.type {self.head.type!r}"
        if not self.uses_network():
            reasons |= dict.fromkeys(_KEYS_OF_NETWORKS, "features [hand-crafted]")
        return [*without_effect(self, reasons), *self._idle_keys_of_training()]

    def _idle_keys_of_training(self) -> list[str]:
        """Return the keys that only the training of the network, or of parts of it, uses."""
        reasons: dict[str, str] = {}
        of_network: list[str] = []
        if self.transfer == "frozen":
            idle = dict.fromkeys(TRAINING_KEYS, "transfer 'frozen'")
            of_network = without_effect(self.architecture, idle)
            keys = ("head_epochs", "head_learning_rate", "layer_decay", "freeze_batch_norm")
            reasons = dict.fromkeys(keys, "transfer 'frozen'")
        elif self.weights == "none":
            reasons["head_epochs"] = "weights 'none'"
        return [
            *(f"training.{sentence}" for sentence in without_effect(self.training, reasons)),
            *(f"architecture.{sentence}" for sentence in of_network),
        ]

    def _replaced_keys(self) -> list[str]:
        """Return the keys of the model that no candidate takes over."""
        given = [each.model_dump(exclude_none=True) for each in self.candidates.values()]
        seen = [each for each in given if "network" in each.get("features", self.features)]
        users = {"features": given, "head": given, "feature_layers": seen, "pooling": seen}
        return [key for key, each in users.items() if all(key in own for own in each)]

    def _idle_keys_of_candidates(self) -> list[str]:
        reasons = dict.fromkeys(("feature_layers", "pooling"), "features [hand-crafted]")
        return [
            f"candidates.{name}.{sentence}"
            for name, candidate in self.candidates.items()
            if "network" not in (candidate.features or self.features)
            for sentence in without_effect(candidate, reasons)
        ]

    def _problems_of_features(self) -> list[str]:
        lists = [self.features] + [each.features for each in self.candidates.values()]
        return [
            f"features names {names[0]!r} twice; remove one"
            for names in lists
            if names and len(set(names)) < len(names)
        ]

    def _problems_of_candidates(self) -> list[str]:
        if not self.candidates or self.transfer != "frozen":
            return []
        problems = []
        if len(self.candidates) < 2:
            problems.append("candidates: there is only one; add another, or remove it")
        choices = self.choices()
        *most, last = [head.name for head in HEADS if head.may_be_candidate]
        problems += [
            f"candidates.{name}.head: type {choice.head.type!r} cannot be chosen; use "
            f"{', '.join(most)} or {last}"
            for name, choice in choices.items()
            if not get(choice.head.type).may_be_candidate
        ]
        names = list(choices)
        problems += [
            f"candidates.{name} is the same as {names[list(choices.values()).index(choice)]}; "
            "remove one"
            for number, (name, choice) in enumerate(choices.items())
            if list(choices.values()).index(choice) < number
        ]
        return problems

    def choices(self) -> dict[str, Choice]:
        """Return the features and the head of every candidate, or the model's own.

        Returns
        -------
        dict of str to Choice
            By name of the candidate; of a model without candidates, under the empty name. Options
            without effect have one fixed value, so that editing them changes nothing.
        """
        return {
            name: self._choice(candidate)
            for name, candidate in (self.candidates or {"": Candidate()}).items()
        }

    def _choice(self, candidate: Candidate) -> Choice:
        """Return the choice of a candidate, completed with the options of the model."""
        features = candidate.features or self.features
        uses_network = NETWORK in features
        feature_layers = (
            self.feature_layers if candidate.feature_layers is None else candidate.feature_layers
        )
        return Choice(
            features=sorted(features, reverse=True),  # network first
            feature_layers=feature_layers if uses_network else [],
            pooling=(candidate.pooling or self.pooling) if uses_network else "mean",
            head=(candidate.head or self.head).own_options(),
        )

    def network_pass(self) -> FrozenNetwork | None:
        """Return the network of one pass that computes the features of all candidates.

        Returns
        -------
        FrozenNetwork or None
            None where only hand-crafted features are used. `feature_layers` lists the layers of all
            candidates, the last layer as an empty name.
        """
        choices = [each for each in self.choices().values() if NETWORK in each.features]
        if not choices:
            return None
        feature_layers = list(
            dict.fromkeys(layer for each in choices for layer in each.feature_layers or [""])
        )
        has_sd = any(each.pooling == "mean+sd" for each in choices)
        own = {key: getattr(self, key) for key in FrozenNetwork.model_fields}
        joined = {
            "feature_layers": [] if feature_layers == [""] else feature_layers,
            "pooling": "mean+sd" if has_sd else "mean",
        }
        return restore(FrozenNetwork, {**own, **joined})

    def fine_tuning(self) -> FineTuning:
        """Return the options of a network that is trained together with its head."""
        own = self.model_dump(mode="json", include=set(FineTuning.model_fields))
        return restore(FineTuning, own)

    def uses_network(self) -> bool:
        """Return whether images go through the backbone at all."""
        return self.transfer != "frozen" or self.network_pass() is not None

    def uses_hand_crafted(self) -> bool:
        """Return whether a candidate sees hand-crafted features."""
        return any(HAND_CRAFTED in choice.features for choice in self.choices().values())

    def is_trained(self) -> bool:
        """Return whether a network is trained, be it only a head."""
        if self.transfer != "frozen":
            return True
        return not self.candidates and get(self.head.type).is_network

    def calibrates(self) -> bool:
        """Return whether probabilities are calibrated on validation units."""
        heads = [choice.head for choice in self.choices().values()]
        return self.transfer == "frozen" and any(
            isinstance(head, CalibratedOptions) and head.calibrate is True for head in heads
        )
