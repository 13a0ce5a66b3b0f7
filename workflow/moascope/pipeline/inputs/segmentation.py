"""Inputs of the rules that segment: annotated images, engines and cells."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from moascope.core.errors import InputError
from moascope.pipeline.inputs.base import RuleInputs, Wildcards, fill
from moascope.screen.plates import dealt_plates
from moascope.segmentation.engines import optional_packages
from moascope.segmentation.options import Engine

_SIZED_PLATES = 4  # with more, the size would be measured again whenever a plate is added

_ENVIRONMENTS = {
    "unet": "tensorflow",
    "classical": "imaging",
    "stardist": "stardist",
    "cellpose": "cellpose",
}
_FOUND_WITH = {
    "unet": (
        "channel_map",
        "diameter",
        "turns",
        "tile",
        "overlap",
        "prominence",
        "seed_threshold",
        "mask_threshold",
    ),
    "classical": (
        "diameter",
        "polarity",
        "threshold",
        "smoothing",
        "correction",
        "separation",
    ),
    "stardist": ("model", "channel_map", "diameter", "prob_threshold", "nms_threshold"),
    "cellpose": ("model", "diameter", "flow_threshold", "cellprob_threshold"),
}


class EngineInputs(RuleInputs):
    """Inputs and parameters of the rules that segment."""

    @property
    def engines(self) -> dict[str, Engine]:
        """Return the engines by name."""
        return self.config.segmentation.engines

    @property
    def seen_channels(self) -> list[str]:
        """Return the channels that the engines see, in order."""
        return self.config.segmentation.seen_channels(self.channels)

    @property
    def has_annotated(self) -> bool:
        """Return whether engines are fitted and scored on images that belong to no screen."""
        return self.config.segmentation.annotated is not None

    # --- Engines by what is done with them ---

    def of_method(self, method: str) -> list[str]:
        """Return the engines of a method."""
        return [name for name, engine in self.engines.items() if engine.method == method]

    @cached_property
    def scored(self) -> list[str]:
        """Return the engines that are scored on reference masks."""
        return list(self.engines) if self.has_annotated or self.has_masks else []

    @cached_property
    def trained(self) -> list[str]:
        """Return the networks that this run trains."""
        return [name for name in self.scored if self.engines[name].is_trained()]

    @property
    def fitted_here(self) -> list[str]:
        """Return the networks that this run trains or tunes."""
        tuned = [name for name in self.scored if self.engines[name].tune]
        return [*self.trained, *tuned]

    def trained_by(self, method: str) -> list[str]:
        """Return the engines of a method that this run trains."""
        return [name for name in self.of_method(method) if self.engines[name].is_trained()]

    def tuned_by(self, method: str) -> list[str]:
        """Return the engines of a method whose given model is tuned, but not trained."""
        return [name for name in self.of_method(method) if self.engines[name].tune]

    @property
    def exported(self) -> list[str]:
        """Return the networks that are also written as BioImage.IO packages."""
        return [name for name, engine in self.engines.items() if engine.export]

    @property
    def given_unets(self) -> list[str]:
        """Return the U-Nets that are given as a file."""
        return [name for name in self.of_method("unet") if self.engines[name].model]

    @property
    def measuring(self) -> str | None:
        """Return the name of the engine that segments the screen; None where none is configured."""
        return self.config.segmentation.measure_with or next(iter(self.engines), None)

    @property
    def measuring_method(self) -> str:
        """Return the method of the engine that segments the screen."""
        return self.engines[str(self.measuring)].method

    def environment_of(self, method: str) -> str:
        """Return the name of the conda environment of a method."""
        return _ENVIRONMENTS[method]

    # --- Options ---

    def engine_options(self, name: str) -> dict[str, Any]:
        """Return the options of an engine that decide which objects it finds."""
        keys = _FOUND_WITH[self.engines[name].method]
        options = self.config.section(f"segmentation.engines.{name}", *keys, "min_area", "max_area")
        if self.engines[name].is_trained_further():
            options["channel_map"] = {}  # what is trained on the images has their channels
        if self.engines[name].tune and "model" in options:
            options["model"] = None  # it is a file of the run
        return options

    def given_options(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the options of an engine that go with its given model."""
        options = self.engine_options(wildcards.engine)
        model = self.engines[wildcards.engine].model
        return options | {"model": model} if "model" in options else options

    def options_of(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return `engine_options` of the engine of a job."""
        return self.engine_options(wildcards.engine)

    def engine_tuning_options(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the options of an engine that decide how it is tuned on annotated images."""
        options = self.engine_options(wildcards.engine)
        if self.engines[wildcards.engine].is_trained():
            del options["diameter"]  # that of the screen
        return options

    def test_options(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the options of an engine that segments annotated images.

        A network that was trained on such images knows their size.
        """
        options = self.engine_options(wildcards.engine)
        is_trained = self.engines[wildcards.engine].is_trained()
        return options | {"diameter": None} if is_trained else options

    def learning_options(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the options of a network that decide how it is trained."""
        engine = self.engines[wildcards.engine]
        shape = {"unet": ["network"], "stardist": ["rays", "grid"]}[engine.method]
        if engine.is_trained_further():
            shape = ["channel_map"]
        return self.config.section(
            f"segmentation.engines.{wildcards.engine}", *shape, "training", "augmentation"
        )

    def all_training_options(self) -> dict[str, dict[str, Any]]:
        """Return the training options of every network that this run trains, by name."""
        return {
            name: self.config.section(f"segmentation.engines.{name}", "training")["training"]
            for name in self.trained
        }

    def channel_map_of(self, wildcards: Wildcards) -> dict[str, str]:
        """Return which channel of the images each channel of a network sees."""
        return self.engine_options(wildcards.engine)["channel_map"]

    def channel_maps_of_given_unets(self) -> dict[str, dict[str, str]]:
        """Return the channel maps of the U-Nets that are given as a file, by name."""
        return {name: self.engines[name].channel_map for name in self.given_unets}

    def seed_of_member(self, wildcards: Wildcards) -> int:
        """Return the seed of a member of an ensemble."""
        return self.config.seed + int(wildcards.member)

    # --- Files of engines ---

    def fitted(self, name: str) -> dict[str, Any]:
        """Return the files of an engine that was fitted or is given by path; none for others."""
        engine = self.engines[name]
        if engine.is_trained() or engine.tune:
            path = {"unet": self.paths.unet, "stardist": self.paths.stardist}[engine.method]
            return {"model": path.format(engine=name)}
        if engine.method == "classical" and self.scored:
            return {"model": self.paths.classical.format(engine=name)}
        return self.given_model(name)

    def given_model(self, name: str) -> dict[str, Any]:
        """Return the files of the given model of an engine; none where there is none."""
        engine = self.engines[name]
        if engine.model is None:
            return {}
        is_file = engine.method == "unet"
        return {"model": engine.model if is_file else files_of_model(engine)}

    def model_to_tune(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return a given model whose parameters are tuned, and the size of objects, if measured."""
        name = wildcards.engine
        return {**self.given_model(name), **self.measured_size(name, "annotated")}

    def model_of(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the files of the engine of a job, as `fitted`."""
        return self.fitted(wildcards.engine)

    def start_of(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the given U-Net that is trained further; none for a new one."""
        engine = self.engines[wildcards.engine]
        return {"start": engine.model} if engine.is_trained_further() else {}

    def members(self, pattern: str, name: str) -> list[str]:
        """Return one file per network whose outputs a U-Net averages."""
        members = range(self.engines[name].ensemble)
        return [pattern.format(engine=name, member=member) for member in members]

    def members_of(self, pattern: str) -> Callable[[Wildcards], list[str]]:
        """Return an input function: one file per network whose outputs a U-Net averages."""
        return lambda wildcards: self.members(pattern, wildcards.engine)

    def measured_size(self, name: str, images: str) -> dict[str, str]:
        """Return the file with the size of objects; none where it is not measured.

        Parameters
        ----------
        name : str
            The engine.
        images : {"screen", "annotated"}
            The images whose objects are measured.
        """
        if self.engines[name].diameter != "auto":
            return {}
        return {"measured": self.paths.engine_size.format(engine=name, images=images)}

    def sample_of_size(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the images that the size of objects is measured in.

        These are the first plates of the screen, or the annotated images.
        """
        name = wildcards.engine
        model = self.given_model(name) if self.engines[name].tune else self.fitted(name)
        if wildcards.images == "annotated":
            annotated = {"images": self.paths.annotated, "table": self.paths.annotated_table}
            return {**model, **annotated}
        plates = sorted(self.plates)[:_SIZED_PLATES] if self.finds_cells else []
        return {
            **model,
            "stores": fill(self.paths.store, plate=plates),
            "ingested": fill(self.paths.ingested, plate=plates),
        }

    def test_model(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the files that an engine segments annotated images with."""
        name = wildcards.engine
        is_given = self.engines[name].model is not None and not self.engines[name].is_trained()
        size = self.measured_size(name, "annotated") if is_given else {}
        return {**self.fitted(name), **size}

    def model_of_screen(self) -> dict[str, Any]:
        """Return the files that the screen is segmented with."""
        name = str(self.measuring)
        return {**self.fitted(name), **self.measured_size(name, "screen")}

    # --- Annotated images ---

    @cached_property
    def plate_sets(self) -> dict[str, list[str]]:
        """Return the plates whose reference masks train, tune and test the engines.

        Raises
        ------
        InputError
            If plates are unknown, or too few.
        """
        if not self.has_masks or self.has_annotated:
            return {}
        section = self.config.segmentation
        named = {
            "train": section.train_plates,
            "validation": section.validation_plates,
            "test": section.test_plates,
        }
        return dealt_plates(self.plates, named, section.needed_sets())

    @property
    def annotated_plates(self) -> list[str]:
        """Return the plates whose reference masks are used."""
        return [plate for plates in self.plate_sets.values() for plate in plates]

    def files_of_annotated_plates(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the reference masks of a screen and the images of their plates."""
        plates = self.annotated_plates
        return {
            "masks": self.paths.masks,
            "stores": fill(self.paths.store, plate=plates),
            "ingested": fill(self.paths.ingested, plate=plates),
        }

    def annotated_sheets(self) -> dict[str, str]:
        """Return the files that list annotated images."""
        section = self.config.segmentation.annotated
        if section is None:
            return {}
        sets = {"sets": section.set_file} if section.set_file else {}
        return {"sheet": section.sheet, **sets}

    # --- Results ---

    @property
    def shown_plates(self) -> list[str]:
        """Return the plates of which the report shows some sites and the objects in them."""
        return sorted(self.plates)[: self.config.report.max_plates] if self.finds_cells else []

    def training_devices(self, name: str) -> list[str]:
        """Return the notes on which device an engine was trained."""
        if self.engines[name].method == "unet":
            return self.members(self.paths.unet_device, name)
        return [self.paths.engine_device.format(engine=name)]

    def devices(self) -> list[str]:
        """Return the notes on which device each engine was trained and tested."""
        networks = [name for name in self.scored if self.engines[name].method != "classical"]
        return [
            *(file for name in self.trained for file in self.training_devices(name)),
            *fill(self.paths.test_device, engine=networks),
        ]

    def needed_packages(self, planned: set[str]) -> list[str]:
        """Return the optional packages that the jobs of a run need.

        Parameters
        ----------
        planned : set of str
            Rules with jobs to run.
        """
        needed = set(optional_packages.EXPORT if "export_unet" in planned else [])
        for method, names in optional_packages.OF_ENGINES.items():
            rules = {f"train_{method}", f"tune_given_{method}", f"segment_test_{method}"}
            if self.finds_cells and self.measuring_method == method:
                rules.add("segment_plate")
            if rules & planned:
                needed.update(names)
        return sorted(needed)

    def check_packages(self, planned: set[str]) -> None:
        """Check that the optional packages that the jobs of a run need are installed.

        Parameters
        ----------
        planned : set of str
            Rules with jobs to run.

        Raises
        ------
        InputError
            Naming the packages that are missing.
        """
        missing = optional_packages.missing(self.needed_packages(planned))
        if missing:
            raise InputError(
                f"not installed, but needed for this run: {', '.join(missing)}. Run with --sdm "
                "conda, which makes the environments for it, or: uv pip install "
                f"{' '.join(missing)}"
            )


def files_of_model(engine: Engine) -> list[str]:
    """Return the files of a model that is given by path; none for the name of a published one.

    Parameters
    ----------
    engine : Engine
        With `model`.
    """
    path = Path(str(engine.model))
    if path.is_dir():  # its own time stays the same when a file in it changes
        kinds = (".json", ".h5", ".hdf5")
        files = (file for file in path.iterdir() if file.suffix in kinds)
        return sorted(str(file) for file in files if file.is_file())
    return [str(engine.model)] if engine.is_given_by_path() else []
