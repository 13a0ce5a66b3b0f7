"""The configuration: typed sections with units, ranges and defaults.

This is the only reader of raw configuration. Everything else gets plain values from the
sections defined here. `python -m moascope.config` writes the JSON schema for editors and the
key tables of `docs/reference/configuration.md`; a test fails when either drifts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from moascope.classification import baseline_registry
from moascope.classification.ensembles.options import Ensemble, problems_of_ensembles
from moascope.classification.evaluation.options import Evaluation
from moascope.classification.explanation.options import Explain, problems_of_explanations
from moascope.classification.options import Model
from moascope.classification.training.options import Augmentation
from moascope.config.class_rules import problems_of_classes
from moascope.core.errors import InputError
from moascope.core.options import (
    Name,
    Section,
    consistency_check,
    refuse,
    without_effect,
)
from moascope.core.text.suggestions import unknown
from moascope.preprocessing.normalization_methods.options import Normalization
from moascope.preprocessing.options import Units
from moascope.preprocessing.quality_measures.options import Quality
from moascope.report.options import Report
from moascope.screen.formats.registry import has_plates
from moascope.screen.free_groups import RESERVED
from moascope.screen.options import Input
from moascope.segmentation.options import Engine, Segmentation
from moascope.simulation.options import Simulate
from moascope.splits.independence import held_out_columns, independent_unit
from moascope.splits.options import Split


class Compute(Section):
    """Device and library of networks. Cores, memory and queues belong to profiles."""

    gpu: Literal["auto", "required", "never"] = Field(
        "auto",
        description="auto: use a GPU if there is one; required: stop without one; never: use none",
    )
    keras_backend: Literal["tensorflow", "jax", "torch"] = Field(
        "tensorflow", description="Keras backend; jax and torch must be installed by the user"
    )


class Config(Section):
    """The whole configuration of a run."""

    run: Name = Field(description="name of the run; results are written to results/{run}")
    seed: int = Field(1, ge=0, le=2**31 - 1, description="random seed")
    input: Input | None = Field(
        None, description="images and metadata of a screen; null: only `segmentation` runs"
    )
    simulate: Simulate = Field(default_factory=Simulate, description="synthetic screen")
    quality: Quality = Field(default_factory=Quality, description="quality control")
    normalization: Normalization = Field(
        default_factory=Normalization, description="intensity normalization"
    )
    units: Units = Field(default_factory=Units, description="units of classification")
    segmentation: Segmentation = Field(
        default_factory=Segmentation, description="segmentation of cells or nuclei"
    )
    splits: dict[Name, Split] = Field({}, description="splits by name")
    augmentation: list[Augmentation] = Field(
        [], description="augmentations in order, for training only"
    )
    models: dict[Name, Model] = Field({}, description="models by name")
    ensembles: dict[Name, Ensemble] = Field({}, description="ensembles of models, by name")
    explain: Explain | None = Field(
        None, description="what networks see: maps and altered units; null: nothing is explained"
    )
    evaluation: Evaluation = Field(
        default_factory=Evaluation, description="aggregation, intervals, null and baselines"
    )
    report: Report = Field(default_factory=Report, description="report")
    compute: Compute = Field(default_factory=Compute, description="device and library of networks")

    @consistency_check
    def _consistent(self) -> Config:
        problems = self._problems_of_segmentation()
        problems += problems_of_classes(self) if self.input else []
        if self.input is None or has_plates(self.input.format):
            problems += [
                f"splits.{name}: method 'fixed' also needs file"
                for name, split in self.splits.items()
                if split.method == "fixed" and split.file is None
            ]
        if self.input is None:
            idle = [key for key in ("models", "splits") if getattr(self, key)]
            idle += ["units.cells"] if self.units.cells else []
            problems += [f"{key}: there is nothing to classify without input" for key in idle]
        problems += self._problems_of_groups()
        for name, model in self.models.items():
            if model.split not in self.splits:
                problems.append(
                    f"models.{name}.split: " + unknown("split", model.split, self.splits)
                )
            elif model.calibrates() and not self.splits[model.split].may_validate():
                problems.append(
                    f"models.{name}.head.calibrate: there are no validation units to fit the "
                    f"temperature to; set splits.{model.split}.validation, for example to 0.2, or "
                    "calibrate to auto"
                )
            elif (
                model.is_trained()
                and model.training.patience is not None
                and not self.splits[model.split].may_validate()
            ):
                problems.append(
                    f"models.{name}.training.patience: there are no validation units whose loss "
                    f"could stop the training; set splits.{model.split}.validation, for example to "
                    "0.2, or remove patience"
                )
            elif not problems:
                problems += self._problems_of_independence(model.split)
            if model.training.tensorboard and self.compute.keras_backend != "tensorflow":
                problems.append(
                    f"models.{name}.training.tensorboard: its logs need compute.keras_backend "
                    "tensorflow; remove it"
                )
            channels = list(self.input.channels) if self.input else []
            for channel in model.rgb_channels or []:
                if channel not in channels:
                    problems.append(
                        f"models.{name}.rgb_channels: " + unknown("channel", channel, channels)
                    )
            lacks_channels = model.channel_mapping == "rgb" and model.rgb_channels is None
            if lacks_channels and len(channels) != 3 and model.uses_network():
                problems.append(
                    f"models.{name}.channel_mapping: 'rgb' needs three channels, the input has "
                    f"{len(channels)}; name three under rgb_channels (repeats are allowed) or use "
                    "'inflate' or 'per-channel'"
                )
        problems += problems_of_ensembles(self.ensembles, self.models, self.splits)
        if self.explain:
            backend = self.compute.keras_backend
            problems += problems_of_explanations(self.explain, self.models, backend)
        refuse([*problems, *self._idle_keys()])
        return self

    def _idle_keys(self) -> list[str]:
        """Return the keys that were set, but have no effect with this input."""
        problems = []
        given = f"format {self.input.format!r}" if self.input else ""
        if "simulate" in self.model_fields_set and given != "format 'simulate'":
            value = f"input.{given}" if given else "input null"
            problems.append(f"simulate: this section has no effect with {value}; remove it")
        if self.input is not None and not has_plates(self.input.format):
            idle = dict.fromkeys(("plate_z", "exclude_flagged_plates"), f"input.{given}")
            problems += [f"quality: {text}" for text in without_effect(self.quality, idle)]
        if self.input is None or not self.input.brightfield:
            idle = {"min_sharpness_brightfield": "input.brightfield []"}
            problems += [f"quality: {text}" for text in without_effect(self.quality, idle)]
        return problems

    def _problems_of_independence(self, name: str) -> list[str]:
        held_out = held_out_columns(self.splits[name])
        try:
            independent_unit(held_out, self.evaluation.independent_unit, name, **self.design())
        except InputError as error:
            return [str(error)]
        return []

    def _problems_of_groups(self) -> list[str]:
        """Find groups of splits that are neither our own columns nor named under input.groups."""
        named = self.input.groups if self.input else {}
        return [
            f"splits.{name}.group: "
            + unknown("group column", column, [*named, *sorted(RESERVED)])
            + f"; a column of the sheet is named under input.groups, as in {{{column}: {column}}}"
            for name, split in self.splits.items()
            for column in split.group
            if column not in named and column not in RESERVED
        ]

    def _problems_of_segmentation(self) -> list[str]:
        section = self.segmentation
        if self.input is None and section.annotated is None:
            return ["input: this key is required (or segmentation.annotated)"]
        if section.annotated is not None and not section.engines:
            return ["segmentation.engines: add at least one engine for the annotated images"]
        problems = []
        finds_cells = self.input is not None and section.engines
        if section.labelled_plates and not finds_cells:
            problems.append(
                "segmentation.labelled_plates: there is no screen with an engine; remove it"
            )
        shown = section.seen_channels(list(self.input.channels) if self.input else [])
        for name, engine in section.engines.items():
            most = engine.kind().most_channels
            if most is not None and len(shown) > most:
                problems.append(
                    f"segmentation.engines.{name}: method {engine.method} sees at most {most} "
                    f"channels, not the {len(shown)} given ({', '.join(shown)}); name up to {most} "
                    "of them under segmentation.channels"
                )
        if self.input is None:
            return problems
        if self.units.cells is not None and not section.engines:
            problems.append(
                "units.cells: there is no engine for cells; add one to segmentation.engines"
            )
        channels = list(self.input.channels)
        for channel in section.seen_channels(channels):
            if channel not in channels and section.engines:
                problems.append("segmentation.channels: " + unknown("channel", channel, channels))
        for name, engine in section.engines.items():
            problems += [
                f"segmentation.engines.{name}.channel_map: "
                + unknown("channel", channel, section.seen_channels(channels))
                for channel in engine.channel_map.values()
                if channel not in section.seen_channels(channels)
            ]
        if section.annotated is None and self.input.columns.mask is None:
            problems += _problems_without_masks(section.engines)
        return problems

    def design(self) -> dict[str, Any]:
        """Return what units belong to, as of `moascope.classification.evaluation.levels.Design`."""
        if self.input is None:
            return {"has_plates": True, "groups": []}
        return {
            "has_plates": has_plates(self.input.format),
            "groups": list(self.input.groups),
        }

    def baselines(self) -> list[str]:
        """Return the names of the baselines that make sense; there is no layout without plates."""
        plates = self.design()["has_plates"]
        baselines = [baseline_registry.get(name) for name in self.evaluation.baselines]
        return [each.name for each in baselines if plates or not each.needs_plates]

    def exchanged(self, split: str) -> list[str]:
        """Return the columns that name what classes are dealt out among for the null."""
        design = self.design()
        if design["has_plates"]:
            return ["compound"]
        held_out = held_out_columns(self.splits[split])
        chosen = self.evaluation.independent_unit
        return list(independent_unit(held_out, chosen, split, **design).columns)

    def unit(self) -> str:
        """Return the name of the unit of classification: site, image, tile or cell."""
        if self.units.cells is not None:
            return "cell"
        if max(self.units.tiles) > 1:
            return "tile"
        if self.input and not has_plates(self.input.format) and self.input.unit == "site":
            return "image"
        return self.input.unit if self.input else "site"

    def needs_controls(self) -> bool:
        """Check whether normalization takes statistics from control wells."""
        return self.normalization.takes_statistics_of("controls")

    def section(self, name: str, *keys: str) -> dict[str, Any]:
        """Return a section, or some keys of it, as plain JSON-like values.

        Parameters
        ----------
        name : str
            Name of the section, dotted for nested ones (`models.lite0`).
        *keys : str
            The keys wanted; none means all.

        Returns
        -------
        dict
            Plain values, equal for equal configurations, so that they can be rule parameters.
        """
        value: Any = self
        for part in name.split("."):
            value = value[part] if isinstance(value, dict) else getattr(value, part)
        plain = value.model_dump(mode="json")
        return {key: plain[key] for key in keys} if keys else plain


def _problems_without_masks(engines: Mapping[str, Engine]) -> list[str]:
    """Find the engines that need annotated images, where there are none."""
    problems = []
    trained = [name for name, engine in engines.items() if engine.is_trained()]
    if trained:
        problems.append(
            f"segmentation.engines.{trained[0]}: there are no reference masks for training; set "
            "input.columns.mask, segmentation.annotated or a model"
        )
    tuned = [name for name, engine in engines.items() if engine.tune]
    if tuned:
        problems.append(
            f"segmentation.engines.{tuned[0]}.tune: there are no annotated images for tuning; "
            "set input.columns.mask or segmentation.annotated, or remove tune"
        )
    exported = [name for name, engine in engines.items() if engine.export]
    if exported:
        problems.append(
            f"segmentation.engines.{exported[0]}.export: there is no annotated image to test the "
            "package; set input.columns.mask or segmentation.annotated"
        )
    return problems
