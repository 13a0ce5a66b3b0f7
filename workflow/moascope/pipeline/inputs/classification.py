"""Inputs of the rules that classify: features, heads, trained networks and evaluations."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from moascope.classification import baseline_registry
from moascope.classification.heads import registry as heads
from moascope.classification.heads.base import HeadType
from moascope.classification.options import Model
from moascope.core.errors import InputError
from moascope.core.files import read_parquet
from moascope.pipeline.inputs.base import RuleInputs, Wildcards, fill
from moascope.pipeline.inputs.splits import split_options
from moascope.segmentation.engines import optional_packages
from moascope.splits.independence import held_out_columns

_KEYS_OF_FINAL_NETWORKS = (
    "backbone",
    "weights",
    "architecture",
    "channel_mapping",
    "rgb_channels",
    "input_size",
    "views",
)
"""Keys of the network of a final model, but for those that candidates set."""


class ModelInputs(RuleInputs):
    """Inputs and parameters of the rules that classify."""

    @property
    def models(self) -> dict[str, Model]:
        """Return the models by name."""
        return self.config.models

    # --- Models by what is fitted ---

    @cached_property
    def frozen(self) -> list[str]:
        """Return the models with a frozen backbone."""
        return [name for name, model in self.models.items() if model.transfer == "frozen"]

    @cached_property
    def tuned(self) -> list[str]:
        """Return the models whose network is trained, fold by fold."""
        return [name for name in self.models if name not in self.frozen]

    @property
    def kept(self) -> list[str]:
        """Return the models that are fitted to all labelled units and kept for use."""
        return [name for name, model in self.models.items() if model.final_fit]

    @cached_property
    def nested(self) -> list[str]:
        """Return the models that are chosen among candidates in every fold."""
        return [name for name in self.frozen if self.models[name].candidates]

    def head_of(self, name: str) -> HeadType:
        """Return the type of the head of a model."""
        return heads.get(self.models[name].head.type)

    @cached_property
    def keras_heads(self) -> list[str]:
        """Return the frozen models whose head is a network."""
        names = [name for name in self.frozen if name not in self.nested]
        return [name for name in names if self.head_of(name).is_network]

    @cached_property
    def plain_heads(self) -> list[str]:
        """Return the frozen models with one head of any other type."""
        return [name for name in self.frozen if name not in [*self.keras_heads, *self.nested]]

    @cached_property
    def linear(self) -> list[str]:
        """Return the models with a head that is fast enough to be refitted for a null."""
        return [name for name in self.plain_heads if self.head_of(name).is_linear]

    @cached_property
    def joined(self) -> list[str]:
        """Return the models that use hand-crafted features."""
        return [name for name in self.frozen if self.models[name].uses_hand_crafted()]

    def has_curves(self, name: str) -> bool:
        """Return whether a model is trained in epochs."""
        return name in self.keras_heads or name in self.tuned

    def curves(self) -> list[str]:
        """Return the models that are trained in epochs."""
        return [name for name in self.models if self.has_curves(name)]

    def before(self, name: str) -> list[str]:
        """Return the models of the same split that are named before this one.

        Not all others, so that a new model leaves the results of the old ones as they are. Those
        of an ensemble are its members.
        """
        if name in self.config.ensembles:
            return list(self.config.ensembles[name].members)
        names = list(self.models)
        split = self.models[name].split
        earlier = names[: names.index(name)]
        return [other for other in earlier if self.models[other].split == split]

    # --- Features ---

    @cached_property
    def pass_of(self) -> dict[str, str]:
        """Map models to the first model with the same pass through the same network."""
        options = {name: self.models[name].network_pass() for name in self.frozen}
        return {
            name: next(other for other in self.frozen if options[other] == own)
            for name, own in options.items()
            if own is not None
        }

    @property
    def passes(self) -> list[str]:
        """Return the models whose pass through the network is computed."""
        return list(dict.fromkeys(self.pass_of.values()))

    def of_pass(self, pattern: str) -> Callable[[Wildcards], str | list[str]]:
        """Return an input function: a file of the pass of a model; none without a network."""

        def find_file(wildcards: Wildcards) -> str | list[str]:
            name = wildcards.model
            return pattern.format(model=self.pass_of[name]) if name in self.pass_of else []

        return find_file

    def features_of(self, wildcards: Wildcards) -> str:
        """Return the features that the head of a model is fitted to."""
        if wildcards.model in self.joined:
            return self.paths.joined_features.format(model=wildcards.model)
        return self.paths.features.format(model=self.pass_of[wildcards.model])

    def feature_options(self, wildcards: Wildcards) -> dict[str, Any] | None:
        """Return the options of a model that its pass through the network depends on."""
        network = self.models[wildcards.model].network_pass()
        return network.model_dump(mode="json") if network else None

    @property
    def weights(self) -> dict[str, str]:
        """Return the weights files of the user, by model."""
        return {
            name: model.weights
            for name, model in self.models.items()
            if model.weights not in ("imagenet", "none")
        }

    def weights_of(self, wildcards: Wildcards) -> dict[str, str]:
        """Return the weights file of a model, if it has one."""
        name = wildcards.model
        return {"weights": self.weights[name]} if name in self.weights else {}

    def seed_of_weights(self, wildcards: Wildcards) -> int | None:
        """Return the seed of random frozen weights; None for other weights."""
        return self.config.seed if self.models[wildcards.model].weights == "none" else None

    # --- Options of heads and networks ---

    def network_options(self, name: str) -> dict[str, Any]:
        """Return the options of a model that decide whether its network can be built."""
        network = self.models[name].network_pass() if name in self.frozen else None
        if network:
            return {**network.model_dump(mode="json"), "transfer": "frozen"}
        tuned = self.models[name].fine_tuning()
        return tuned.model_dump(mode="json", exclude={"augment", "training"})

    def all_network_options(self) -> dict[str, dict[str, Any]]:
        """Return `network_options` of every model with a network."""
        return {name: self.network_options(name) for name in [*self.pass_of, *self.tuned]}

    def tuning_options(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the options of a network that decide how it is trained."""
        return self.models[wildcards.model].fine_tuning().model_dump(mode="json")

    def augmentation(self) -> list[dict[str, Any]]:
        """Return the list of augmentations as plain values."""
        return self.config.model_dump(mode="json", include={"augmentation"})["augmentation"]

    def augmentation_of(self, wildcards: Wildcards) -> list[dict[str, Any]]:
        """Return the augmentations that a network is trained with."""
        return self.augmentation() if self.models[wildcards.model].augment else []

    def head_options(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the options of the head of a model without candidates."""
        own = next(iter(self.models[wildcards.model].choices().values()))
        return own.head.model_dump(mode="json")

    def head_training(self, wildcards: Wildcards) -> dict[str, Any] | None:
        """Return how the head of a model is trained; None for heads that are no networks."""
        name = wildcards.model
        if name not in self.keras_heads:
            return None
        return self.config.section(f"models.{name}.training")

    def choices_of(self, wildcards: Wildcards) -> dict[str, dict[str, Any]]:
        """Return features and head of every candidate; one choice without candidates."""
        choices = self.models[wildcards.model].choices()
        return {name: choice.model_dump(mode="json") for name, choice in choices.items()}

    def network_of_final_model(self, wildcards: Wildcards) -> dict[str, Any] | None:
        """Return the options of the network of a final model, without those of its candidates."""
        name = wildcards.model
        if name not in self.pass_of:
            return None
        return self.config.section(f"models.{name}", *_KEYS_OF_FINAL_NETWORKS)

    def checkpoints_of_folds(self, wildcards: Wildcards) -> str:
        """Return the pattern of the checkpoints of a model, with the fold in braces."""
        return self.paths.fold_checkpoint.replace("{model}", wildcards.model)

    def tensorboard_of_folds(self, wildcards: Wildcards) -> str:
        """Return the folder of the TensorBoard logs of a model, with the fold in braces."""
        return self.paths.tensorboard(f"{wildcards.model}/{{fold}}")

    def image_shape(self) -> list[int] | None:
        """Return height and width in px of what units are cut from.

        None where image files must be read to know them.
        """
        if self.config.units.cells:
            return [self.config.units.cells.crop] * 2
        return [self.config.simulate.image_size] * 2 if self.is_simulated else None

    def needs_target_size(self) -> bool:
        """Return whether the size of units depends on the size that all images are brought to."""
        if self.is_simulated or self.config.input is None:
            return False
        return self.image_shape() is None and self.config.input.on_size_mismatch != "error"

    # --- Splits and evaluation ---

    def of_split(self, pattern: str) -> Callable[[Wildcards], str]:
        """Return an input function: the file of the split that a model is evaluated on."""
        return lambda wildcards: pattern.format(split=self.split_name(wildcards))

    def split_name(self, wildcards: Wildcards) -> str:
        """Return the name of the split that a model or an ensemble is evaluated on."""
        name = wildcards.model
        if name in self.config.ensembles:
            name = self.config.ensembles[name].members[0]
        return self.models[name].split

    def split_of_model(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the options of the split that a model is evaluated on."""
        return split_options(self.config, self.split_name(wildcards))

    def held_out_by_model(self, wildcards: Wildcards) -> list[str]:
        """Return the columns that the split of a model holds out."""
        return held_out_columns(self.config.splits[self.split_name(wildcards)])

    def exchanged(self, wildcards: Wildcards) -> list[str]:
        """Return the columns among whose values classes are permuted for the null of a model."""
        return self.config.exchanged(self.models[wildcards.model].split)

    def selection_of(self, wildcards: Wildcards) -> dict[str, str]:
        """Return the table of chosen candidates of a model that has candidates."""
        name = wildcards.model
        if name not in self.nested:
            return {}
        return {"selection": self.paths.selection.format(model=name)}

    def null_of(self, wildcards: Wildcards) -> dict[str, str]:
        """Return the refitted null of a model with a linear head."""
        name = wildcards.model
        return {"null": self.paths.null.format(model=name)} if name in self.linear else {}

    def others(self, wildcards: Wildcards) -> list[str]:
        """Return the models that a model is compared with."""
        return self.before(wildcards.model)

    def predictions_of_others(self, wildcards: Wildcards) -> list[str]:
        """Return the predictions of the models that a model is compared with."""
        return fill(self.paths.predictions, model=self.others(wildcards))

    def predictions_of_members(self, wildcards: Wildcards) -> list[str]:
        """Return the predictions of the members of an ensemble."""
        return fill(self.paths.predictions, model=self.config.ensembles[wildcards.model].members)

    def ensemble_options(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the options of an ensemble."""
        return self.config.ensembles[wildcards.model].model_dump(mode="json")

    # --- Explanations ---

    @cached_property
    def explained(self) -> list[str]:
        """Return the models whose networks are explained."""
        explain = self.config.explain
        return explain.models_of(self.models) if explain else []

    def explanation_options(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the options of explanations, but for the names of models and methods."""
        explain = self.config.explain
        return explain.model_dump(mode="json", exclude={"models", "methods"}) if explain else {}

    def explanation_methods(self, wildcards: Wildcards) -> list[str]:
        """Return the methods that explain a model."""
        explain, backend = self.config.explain, self.config.compute.keras_backend
        return explain.methods_of(self.models[wildcards.model], backend) if explain else []

    # --- Baselines ---

    def baseline_names(self) -> list[str]:
        """Return the baselines; without cells there is no cell count."""
        baselines = [baseline_registry.get(name) for name in self.config.baselines()]
        usable = [each.name for each in baselines if self.finds_cells or not each.needs_cells]
        return usable or [baseline_registry.MAJORITY.name]

    def cell_counts(self) -> dict[str, str]:
        """Return the number of cells of every site, if a baseline needs it."""
        baselines = [baseline_registry.get(name) for name in self.baseline_names()]
        needs_cells = any(each.needs_cells for each in baselines)
        return {"counts": self.paths.cell_counts} if needs_cells else {}

    def check_packages(self) -> None:
        """Check that the optional packages that trainings need are installed.

        Raises
        ------
        InputError
            Naming the models that need one that is missing.
        """
        logged = [name for name, model in self.models.items() if model.training.tensorboard]
        if logged and optional_packages.missing(["tensorboard"]):
            raise InputError(
                f"models.{logged[0]}.training.tensorboard: the package tensorboard is not "
                "installed. Fix: run with --sdm conda, install the extra `tensorboard`, or remove "
                "this key."
            )

    # --- Results ---

    def files_of_folds(self, pattern: str, name: str, split: str) -> list[str]:
        """Return one file per fold of a model.

        Parameters
        ----------
        pattern : str
            Path with model and fold in braces.
        name : str
            The model.
        split : str
            Table of its split, which exists.

        Raises
        ------
        InputError
            If the table is damaged.
        """
        folds = read_parquet(split, ["repeat", "fold"]).drop_duplicates()
        return [pattern.format(model=name, fold=fold) for fold in range(len(folds))]

    def embedding_of(self, name: str) -> tuple[str, str]:
        """Return the array that the embedding map of a model shows, and the table of its rows."""
        paths = self.paths
        if name in self.tuned:
            return paths.embedding.format(model=name), paths.predictions.format(model=name)
        if name in self.joined:
            return paths.joined_features.format(model=name), paths.units
        owner = self.pass_of[name]
        return paths.features.format(model=owner), paths.feature_index.format(model=owner)

    def devices(self) -> list[str]:
        """Return the notes on which device each network was computed."""
        return [
            *fill(self.paths.feature_device, model=self.passes),
            *fill(self.paths.model_device, model=[*self.keras_heads, *self.tuned]),
        ]
