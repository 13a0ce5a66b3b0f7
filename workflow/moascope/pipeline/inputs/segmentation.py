"""Inputs of the rules that segment: annotated images, engines and cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from moascope.core.errors import InputError
from moascope.pipeline.inputs.base import RuleInputs, Wildcards, fill
from moascope.segmentation.data.plate_sets import divide_plates
from moascope.segmentation.engines import optional_packages
from moascope.segmentation.engines.base import Method
from moascope.segmentation.engines.registry import METHODS
from moascope.segmentation.options import Engine

_SIZED_PLATES = 4  # with more, the size would be measured again whenever a plate is added


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

    @property
    def methods(self) -> tuple[Method, ...]:
        """Return the methods of segmentation."""
        return METHODS

    def of_method(self, method: Method) -> list[str]:
        """Return the engines of a method."""
        return [name for name, engine in self.engines.items() if engine.method == method.name]

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

    def trained_by(self, method: Method) -> list[str]:
        """Return the engines of a method that this run trains."""
        return [name for name in self.of_method(method) if self.engines[name].is_trained()]

    def tuned_by(self, method: Method) -> list[str]:
        """Return the engines of a method that are tuned, but not trained."""
        names = self.of_method(method)
        return names if method.is_always_tuned() else [n for n in names if self.engines[n].tune]

    @property
    def exported(self) -> list[str]:
        """Return the networks that are also written as BioImage.IO packages."""
        return [name for name, engine in self.engines.items() if engine.export]

    @property
    def checked(self) -> list[str]:
        """Return the engines whose given model is checked at the start of a run."""
        return [
            name for name, engine in self.engines.items() if engine.model and engine.kind().check
        ]

    def checks(self) -> dict[str, dict[str, Any]]:
        """Return the function that checks each given model, and its options, by engine."""
        return {
            name: {
                "check": self.engines[name].kind().check,
                "options": {"channel_map": self.engines[name].channel_map},
            }
            for name in self.checked
        }

    def functions_of_checks(self) -> list[str]:
        """Return the functions that check given models, each once."""
        return sorted({str(self.engines[name].kind().check) for name in self.checked})

    @property
    def measuring(self) -> str | None:
        """Return the name of the engine that segments the screen; None where none is configured."""
        return self.config.segmentation.measure_with or next(iter(self.engines), None)

    @property
    def measuring_method(self) -> Method:
        """Return the method of the engine that segments the screen."""
        return self.engines[str(self.measuring)].kind()

    # --- Options ---

    def options_to_measure_with(self) -> dict[str, Any]:
        """Return the options of the engine that segments the screen."""
        return self.engines[str(self.measuring)].finding_options()

    def told_diameter(self) -> float | str | None:
        """Return the key `diameter` of the engine that segments the screen."""
        return self.engines[str(self.measuring)].diameter

    def model_to_measure_with(self) -> str | None:
        """Return the given model of the engine that segments the screen, unless it is tuned."""
        return self.options_to_measure_with().get("model")

    def size_advice(self) -> dict[str, str]:
        """Return what to change where objects of the screen have an unlikely size."""
        return asdict(self.measuring_method.advice)

    def given_options(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the options of an engine that go with its given model."""
        engine = self.engines[wildcards.engine]
        options = engine.options_of_given_model()
        return options | {"tune": True} if engine.tune else options

    def tuning_options(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the options of an engine that decide how it is tuned on annotated images."""
        return self.engines[wildcards.engine].tuning_options()

    def test_options(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the options with which an engine segments annotated images."""
        return self.engines[wildcards.engine].options_for_annotated()

    def learning_options(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the options of a network that decide how it is trained."""
        return self.engines[wildcards.engine].learning_options()

    def training_options(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the section `training` of a network that this run trains."""
        return self.all_training_options()[wildcards.engine]

    def all_training_options(self) -> dict[str, dict[str, Any]]:
        """Return the training options of every network that this run trains, by name."""
        return {
            name: self.config.section(f"segmentation.engines.{name}", "training")["training"]
            for name in self.trained
        }

    def channel_map_of(self, wildcards: Wildcards) -> dict[str, str]:
        """Return which channel of the images each channel of a network sees."""
        return self.engines[wildcards.engine].finding_options()["channel_map"]

    def seed_of_member(self, wildcards: Wildcards) -> int:
        """Return the seed of a member of an ensemble; that of the run for a single network."""
        return self.config.seed + int(wildcards.get("member", 0))

    # --- Files of engines ---

    def trained_files(self, method: Method) -> dict[str, str]:
        """Return the files that one training writes, with wildcards for engine and member."""
        if method.is_ensemble:
            return {
                "model": self.paths.member_network,
                "history": self.paths.member_history,
                "device": self.paths.member_device,
            }
        return {
            "model": self.fitted_path(method),
            "history": self.paths.engine_history,
            "device": self.paths.engine_device,
        }

    def training_wildcards(self, method: Method) -> str:
        """Return the wildcards of a training, as in the names of its files."""
        return "{engine}.{member}" if method.is_ensemble else "{engine}"

    def checkpoint_of(self, method: Method) -> str | None:
        """Return the file from which a killed training continues; None where it starts again."""
        return self.paths.member_checkpoint if method.is_ensemble else None

    def test_files(self, method: Method) -> dict[str, str]:
        """Return the files that a job writes that segments annotated images."""
        files = {"labels": self.paths.test_labels, "times": self.paths.test_times}
        if method.is_network():
            files["device"] = self.paths.test_device
        return files

    def fitted_path(self, method: Method) -> str:
        """Return the path of a fitted engine, with a wildcard for the engine."""
        return self.paths.fitted_engine.replace("{model}", str(method.model_file))

    def fitted(self, name: str) -> dict[str, Any]:
        """Return the files of an engine that was fitted or is given by path; none for others."""
        engine = self.engines[name]
        method = engine.kind()
        is_tuned = method.is_always_tuned() and bool(self.scored)
        if engine.is_trained() or engine.tune or is_tuned:
            return {"model": self.fitted_path(method).format(engine=name)}
        return self.given_model(name)

    def given_model(self, name: str) -> dict[str, Any]:
        """Return the files of the given model of an engine; none where there is none."""
        engine = self.engines[name]
        if engine.model is None:
            return {}
        is_file = engine.kind().is_always_file
        return {"model": engine.model if is_file else files_of_model(engine)}

    def model_to_tune(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the given model that is tuned and the size of objects, if measured."""
        model = self.given_model(wildcards.engine)
        return {**model, **self.measured_size(wildcards.engine, "annotated")} if model else {}

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

    def member_jobs(self) -> list[dict[str, Any]]:
        """Return the wildcards of the jobs that train a member of an ensemble."""
        names = [name for name in self.trained if self.engines[name].kind().is_ensemble]
        return [
            {"engine": name, "member": member}
            for name in names
            for member in range(self.engines[name].ensemble)
        ]

    def size_jobs(self) -> list[dict[str, Any]]:
        """Return the wildcards of the jobs that measure the size of objects."""
        names = [name for name in self.engines if self.engines[name].diameter == "auto"]
        given = [name for name in names if name in self.scored and self.engines[name].model]
        of_screen = [name for name in names if self.finds_cells and name == self.measuring]
        return [
            *({"engine": name, "images": "screen"} for name in of_screen),
            *({"engine": name, "images": "annotated"} for name in given),
        ]

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
        return divide_plates(self.plates, named, section.needed_sets())

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
        if self.engines[name].kind().is_ensemble:
            return self.members(self.paths.member_device, name)
        return [self.paths.engine_device.format(engine=name)]

    def devices(self) -> list[str]:
        """Return the notes on which device each engine was trained and tested."""
        networks = [name for name in self.scored if self.engines[name].kind().is_network()]
        trained = [file for name in self.trained for file in self.training_devices(name)]
        return trained + fill(self.paths.test_device, engine=networks)

    def needed_packages(self, planned: set[str]) -> list[str]:
        """Return the optional packages that the jobs of a run need.

        Parameters
        ----------
        planned : set of str
            Rules with jobs to run.
        """
        needed = set(optional_packages.EXPORT if "export_unet" in planned else [])
        for method in self.methods:
            rules = {f"{work}_{method.name}" for work in ("train", "tune_given", "segment_test")}
            if self.finds_cells and self.measuring_method is method:
                rules.add("segment_plate")
            if rules & planned:
                needed.update(method.packages)
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
                f"conda, which installs them, or: uv pip install {' '.join(missing)}"
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
