"""Options of the sections `models` and `evaluation`."""

from __future__ import annotations

import typing
from typing import Annotated, Any, Literal

from pydantic import Field

from moascope.classification.training.options import Training
from moascope.core.options import (
    FilePath,
    Name,
    Section,
    Whole,
    consistency_check,
    refuse,
    without_effect,
)
from moascope.networks.registry import canonical_name

# What each type of head depends on.
_KEYS_OF_HEADS = {
    "lda": ("type", "shrinkage", "balanced", "calibrate"),
    "logistic": ("type", "C", "balanced", "calibrate"),
    "svm": ("type", "C", "gamma", "balanced", "calibrate"),
    "gradient-boosting": (
        *("type", "n_estimators", "learning_rate", "max_depth"),
        *("balanced", "calibrate"),
    ),
    "mlp": ("type", "hidden", "dropout", "l2"),
}


LINEAR_HEADS = ("lda", "logistic")
"""Heads that are fitted fast enough to be fitted to every permutation of a null."""


class Head(Section):
    """What turns features into classes."""

    type: Literal["lda", "logistic", "svm", "gradient-boosting", "mlp"] = Field(
        "lda",
        description="shrinkage LDA, logistic regression, a support vector machine with a radial "
        "kernel (one class against the rest; of more than 10,000 training units that many are "
        "drawn), boosted trees, or a multilayer perceptron",
    )
    shrinkage: Literal["auto"] | Annotated[float, Field(ge=0, le=1)] = Field(
        "auto", description="lda: Ledoit-Wolf, or a fixed share"
    )
    balanced: bool = Field(True, description="all but mlp: give every class the same weight")
    calibrate: Literal["auto"] | bool = Field(
        "auto",
        description="all but mlp: divide the logits by one temperature. auto: fitted by an inner "
        "cross-validation over whole groups of the training units, where two classes or more have "
        "two groups; true: fitted to the validation units (`splits.{name}.validation`, or those "
        "of a fixed list); false: not at all",
    )
    C: float = Field(1.0, gt=0, description="logistic, svm: inverse regularization strength")
    gamma: Literal["scale", "auto"] | Annotated[float, Field(gt=0)] = Field(
        "scale",
        description="svm: of the kernel exp(-gamma d^2) on standardized features; scale, auto: "
        "as in scikit-learn, one over their number",
    )
    n_estimators: int = Field(100, ge=1, le=2000, description="gradient-boosting: rounds")
    learning_rate: float = Field(
        0.1, gt=0, le=1, description="gradient-boosting: weight of each round"
    )
    max_depth: int = Field(
        3, ge=1, le=8, description="gradient-boosting: splits from root to leaf of a tree"
    )
    hidden: list[Annotated[int, Field(ge=1, le=8192)]] = Field(
        [256], description="mlp: width of each hidden layer"
    )
    dropout: float = Field(0.5, ge=0, lt=1, description="mlp and fine-tuning: dropout rate")
    l2: float = Field(0.0, ge=0, description="mlp and fine-tuning: L2 penalty on weights")

    @consistency_check
    def _has_only_its_keys(self) -> Head:
        problems = []
        for key in Head.model_fields:
            if key not in self.model_fields_set or key in _KEYS_OF_HEADS[self.type]:
                continue
            types = [name for name, keys in _KEYS_OF_HEADS.items() if key in keys]
            problems.append(
                f"type {self.type!r} has no {key}. Fix: remove {key}, or set type to "
                f"{' or '.join(types)}"
            )
        if problems:
            raise ValueError("\n".join(problems))
        return self


Features = Annotated[list[Literal["network", "hand-crafted"]], Field(min_length=1, max_length=2)]


class Candidate(Section):
    """What may be chosen in the place of a model's own features and head; null: as the model."""

    features: Features | None = Field(None, description="as of the model")
    taps: list[str] | None = Field(None, description="as of the model")
    pooling: Literal["mean", "mean+sd"] | None = Field(None, description="as of the model")
    head: Head | None = Field(None, description="as of the model; any type but mlp")


_KEYS_OF_NETWORKS = (
    *("backbone", "weights", "channel_mapping", "triple", "input_size"),
    *("taps", "pooling", "views"),
)
"""Keys of a model that only features of the network depend on."""


class Model(Section):
    """One classifier: a split, a backbone, a head."""

    split: str = Field(description="name of the split it is evaluated on")
    backbone: str = Field(
        "efficientnet-lite0",
        description="efficientnet-lite0, lenet, or the name of a keras.applications model",
    )
    weights: FilePath = Field(
        "imagenet", description="imagenet, none, or the path of a weights file"
    )
    channel_mapping: Literal["triple", "inflate", "per-channel"] = Field(
        "triple",
        description="three chosen channels; first-layer inflation to all channels; or one pass "
        "per channel with concatenated features",
    )
    triple: list[str] | None = Field(
        None, description="the channels fed as red, green, blue; null: there are exactly three"
    )
    input_size: int | None = Field(
        None, ge=16, le=2048, description="side fed to the backbone; null: that of the units"
    )
    transfer: Literal["frozen", "partial", "full"] = Field(
        "frozen",
        description="frozen features and a head; unfreeze from a layer on; or train everything",
    )
    taps: list[str] = Field(
        [],
        description="layers whose outputs are features; empty: the last; fine-tuning takes one "
        "at most",
    )
    pooling: Literal["mean", "mean+sd"] = Field("mean", description="of features over positions")
    views: Annotated[Literal[1, 4, 8], Whole] = Field(
        8,
        description="frozen: views whose features are averaged: the unit (1), its mirror images "
        "and half turn (4), and those turned by a quarter (8, for square units)",
    )
    features: Features = Field(
        ["network"],
        description="frozen: what the head sees: features of the network, hand-crafted texture "
        "features, or both joined",
    )
    head: Head = Field(default_factory=Head, description="the head")
    candidates: dict[Name, Candidate] = Field(
        {},
        description="frozen: features and heads to choose from, by name. In every fold, the one "
        "with the highest balanced accuracy in an inner cross-validation over whole groups of the "
        "training units is fitted and tested",
    )
    unfreeze_from: str | None = Field(None, description="partial: first layer that is trained")
    augment: bool = Field(True, description="partial, full: use the list `augmentation`")
    training: Training = Field(default_factory=Training, description="training options")

    @consistency_check
    def _consistent(self) -> Model:
        canonical_name(self.backbone)
        problems = [*self._idle_keys(), *self._idle_keys_of_candidates()]
        if self.transfer == "partial" and self.unfreeze_from is None:
            problems.append("transfer 'partial' also needs unfreeze_from (a layer name)")
        if self.triple is not None and len(self.triple) != 3:
            problems.append(f"triple must name three channels, got {len(self.triple)}")
        if (
            self.transfer != "frozen"
            and self.head.type != "mlp"
            and "head" in self.model_fields_set
        ):
            problems.append(
                f"head type {self.head.type!r} works on frozen features only; use type mlp"
            )
        refuse([*problems, *self._problems_of_features(), *self._problems_of_candidates()])
        return self

    def _idle_keys(self) -> list[str]:
        """Name the keys that were set, but do nothing beside the values of others."""
        transfer = f"transfer {self.transfer!r}"
        reasons: dict[str, str] = {}
        if self.transfer != "partial":
            reasons["unfreeze_from"] = transfer
        if self.channel_mapping != "triple":
            reasons["triple"] = f"channel_mapping {self.channel_mapping!r}"
        if self.transfer != "frozen":
            reasons |= dict.fromkeys(("views", "features", "candidates"), transfer)
            return without_effect(self, reasons)
        reasons["augment"] = transfer
        if self.candidates:
            reasons["training"] = "candidates"
            reasons |= dict.fromkeys(self._replaced_keys(), "candidates that all have their own")
        elif self.head.type != "mlp":
            reasons["training"] = f"{transfer} and head.type {self.head.type!r}"
        if not self.uses_network():
            reasons |= dict.fromkeys(_KEYS_OF_NETWORKS, "features [hand-crafted]")
        return without_effect(self, reasons)

    def _replaced_keys(self) -> list[str]:
        """Return the keys of the model that no candidate takes over."""
        given = [each.model_dump(exclude_none=True) for each in self.candidates.values()]
        seen = [each for each in given if "network" in each.get("features", self.features)]
        users = {"features": given, "head": given, "taps": seen, "pooling": seen}
        return [key for key, each in users.items() if all(key in own for own in each)]

    def _idle_keys_of_candidates(self) -> list[str]:
        reasons = dict.fromkeys(("taps", "pooling"), "features [hand-crafted]")
        return [
            f"candidates.{name}.{sentence}"
            for name, candidate in self.candidates.items()
            if "network" not in (candidate.features or self.features)
            for sentence in without_effect(candidate, reasons)
        ]

    def _problems_of_features(self) -> list[str]:
        lists = [self.features, *(each.features for each in self.candidates.values())]
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
        problems += [
            f"candidates.{name}.head: type 'mlp' cannot be chosen; use lda, logistic, svm "
            "or gradient-boosting"
            for name, choice in choices.items()
            if choice["head"]["type"] == "mlp"
        ]
        names = list(choices)
        problems += [
            f"candidates.{name} is the same as {names[list(choices.values()).index(choice)]}; "
            "remove one"
            for number, (name, choice) in enumerate(choices.items())
            if list(choices.values()).index(choice) < number
        ]
        return problems

    def choices(self) -> dict[str, dict[str, Any]]:
        """Give the features and the head of every candidate, or the model's own.

        Returns
        -------
        dict
            By name of the candidate; of a model without candidates, under the empty name. Each has
            features, taps, pooling and head, as plain values. Options that are not used are null
            or left out, so that editing them changes nothing.
        """
        own = self.model_dump(mode="json", include={"features", "taps", "pooling", "head"})
        candidates = (
            {"": {}}
            if not self.candidates
            else {
                name: candidate.model_dump(mode="json", exclude_none=True)
                for name, candidate in self.candidates.items()
            }
        )
        result = {}
        for name, changes in candidates.items():
            choice = {**own, **changes}
            head = choice["head"]
            choice["features"] = sorted(choice["features"], reverse=True)  # network first
            choice["head"] = {key: head[key] for key in _KEYS_OF_HEADS[head["type"]]}
            if "network" not in choice["features"]:
                choice.update(taps=[], pooling="mean")
            result[name] = choice
        return result

    def network_pass(self) -> dict[str, Any] | None:
        """Give the options of one pass through the backbone, enough for every candidate.

        Returns
        -------
        dict or None
            As for `backbones.from_options`, with views; None where only hand-crafted features are
            used. `taps` lists the layers of all candidates, the last layer as an empty name.
        """
        choices = [c for c in self.choices().values() if "network" in c["features"]]
        if not choices:
            return None
        taps = list(dict.fromkeys(tap for c in choices for tap in c["taps"] or [""]))
        has_sd = any(c["pooling"] == "mean+sd" for c in choices)
        keys = {"backbone", "weights", "channel_mapping", "triple", "input_size", "views"}
        return {
            **self.model_dump(mode="json", include=keys),
            "taps": [] if taps == [""] else taps,
            "pooling": "mean+sd" if has_sd else "mean",
        }

    def uses_network(self) -> bool:
        """Return whether images go through the backbone at all."""
        return self.transfer != "frozen" or self.network_pass() is not None

    def uses_hand_crafted(self) -> bool:
        """Tell whether a candidate sees hand-crafted features."""
        return any("hand-crafted" in choice["features"] for choice in self.choices().values())

    def calibrates(self) -> bool:
        """Tell whether probabilities are calibrated on validation units."""
        heads = [choice["head"] for choice in self.choices().values()]
        return self.transfer == "frozen" and any(head.get("calibrate") is True for head in heads)


Baseline = Literal[
    "majority",
    "layout",
    "layout-lda",
    "channel-mean-sd",
    "hand-made",
    "hand-made-lda",
    "hand-made-svm",
    "hand-made-gradient-boosting",
    "cell-count",
]


class Evaluation(Section):
    """How predictions are scored."""

    aggregate: Literal["mean", "median", "vote"] = Field(
        "median", description="how unit probabilities become those of wells and treatments"
    )
    permutations: int = Field(
        1000,
        ge=200,
        le=100000,
        description="how often mechanisms are permuted among compounds for the p-value and the "
        "null interval of every score; lda and logistic heads are fitted again to 200 "
        "permutations, and the predictions of all others stay as they are",
    )
    confidence: float = Field(0.95, gt=0.5, lt=1, description="level of the intervals")
    calibration_bins: int = Field(10, ge=2, le=100, description="bins of the calibration error")
    independent_unit: str = Field(
        "auto",
        description="what intervals treat as independent: field, well, compound, plate, batch, a "
        "name of `input.groups`, or auto: what the split holds out (the compound, where it holds "
        "out nothing); units finer than that are refused, as are images where `input.groups` has "
        "names",
    )
    baselines: list[Baseline] = Field(
        [name for name in typing.get_args(Baseline) if name != "hand-made-gradient-boosting"],
        min_length=1,
        description="simple classifiers scored beside every model: the most frequent class; "
        "logistic regression, and shrinkage LDA, on plate, batch, row and column; logistic "
        "regression on channel means and SDs; both, a support vector machine, and boosted trees "
        "(slow, so not by default) on hand-made texture features; logistic regression on the "
        "number of cells, where `segmentation` finds them. Their probabilities are not calibrated",
    )
