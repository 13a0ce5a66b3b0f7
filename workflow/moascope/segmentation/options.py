"""The section `segmentation` of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from moascope.core.options import Name, Section, consistency_check, refuse
from moascope.segmentation.data.options import Annotated
from moascope.segmentation.engines.base import Method
from moascope.segmentation.engines.registry import METHODS, method_named

if TYPE_CHECKING:
    MethodName = str
else:
    MethodName = Literal[tuple(method.name for method in METHODS)]


class _Named(Section):
    """The key that all others of an engine depend on."""

    method: MethodName = Field(description="U-Net, threshold and watershed, StarDist, or Cellpose")


class Engine(*(method.options for method in METHODS), _Named):  # type: ignore[misc]
    """One engine: a segmentation method and its options."""

    @consistency_check
    def _fits(self) -> Engine:
        refuse(self._unused_keys())
        problems = self._problems_of_tuning()
        if self.max_area is not None and (self.min_area or 1) > self.max_area:
            problems.append(
                f"min_area ({self.min_area}) must not exceed max_area ({self.max_area})"
            )
        if self.channel_map and self.model is None:
            problems.append("channel_map is for a given model; remove it, or set model")
        of_method = self.kind().problems
        refuse([*problems, *(of_method(self) if of_method else [])])
        return self

    def _unused_keys(self) -> list[str]:
        """Return sentences about keys that were set, but do nothing with the other ones."""
        found = []
        kind = self.kind()
        for key in sorted(self.model_fields_set - {"method"}):
            users = [method.name for method in METHODS if key in method.options.model_fields]
            if self.method not in users:
                found.append(
                    f"{key} is for method {' or '.join(users)}, not {self.method}; remove it"
                )
            elif self.model is not None and key in kind.keys_of_model:
                found.append(
                    f"{key} has no effect with a given model ({self.model}); remove one of them"
                )
        if self.diameter == "auto" and kind.measure is None:
            found.append(
                f"diameter: auto is not possible with method {self.method}; set the diameter in "
                "pixels, or remove it"
            )
        return found

    def _problems_of_tuning(self) -> list[str]:
        problems = []
        if self.tune and self.model is None:
            problems.append(
                "tune is for a given model; trained networks are always tuned. Remove tune, or "
                "set model"
            )
        elif self.tune and self.is_trained_further():
            problems.append(
                "tune has no effect with training, which always tunes the network; remove tune, "
                "or remove training to tune the given model unchanged"
            )
        return problems

    def kind(self) -> Method:
        """Return the method as data: what it needs and how it is run."""
        return method_named(self.method)

    def is_trained(self) -> bool:
        """Return whether this is a network that the run trains."""
        is_new = self.kind().train is not None and self.model is None
        return is_new or self.is_trained_further()

    def is_trained_further(self) -> bool:
        """Return whether this is a given model that the run goes on training."""
        is_given = self.kind().continues_training and self.model is not None
        return is_given and "training" in self.model_fields_set

    def is_tuned(self) -> bool:
        """Return whether the run tunes how objects are found, on validation images."""
        return self.is_trained() or self.tune or self.kind().is_always_tuned()

    def is_given_by_path(self) -> bool:
        """Return whether the model is a file or folder, not the name of a published one."""
        if self.model is None:
            return False
        path = Path(self.model)
        looks_like_one = path.exists() or path.suffix != "" or len(path.parts) > 1
        return self.kind().is_always_file or looks_like_one

    def finding_options(self) -> dict[str, Any]:
        """Return the options that decide what objects are found, as plain values."""
        options = self._plain(*self.kind().finding_keys, "min_area", "max_area")
        if self.is_trained_further():
            options |= {"channel_map": {}}  # what is trained on the images has their channels
        if self.tune and "model" in options:
            options |= {"model": None}  # it is a file of the run
        return options

    def options_of_given_model(self) -> dict[str, Any]:
        """Return the options that go with the given model, before it is tuned."""
        options = self.finding_options()
        return options | {"model": self.model} if "model" in options else options

    def tuning_options(self) -> dict[str, Any]:
        """Return the options that decide how the engine is tuned on annotated images."""
        options = self.options_of_given_model() if self.tune else self.finding_options()
        unused = ("diameter",) if self.is_trained() else ()  # that of the screen
        return {key: value for key, value in options.items() if key not in unused}

    def options_for_annotated(self) -> dict[str, Any]:
        """Return the options with which the engine segments annotated images.

        What was trained on such images knows their size.
        """
        options = self.finding_options()
        return options | {"diameter": None} if self.is_trained() else options

    def learning_options(self) -> dict[str, Any]:
        """Return the options of a trained network that decide what it learns."""
        shape = ("channel_map",) if self.is_trained_further() else self.kind().learning_keys
        return self._plain(*shape, "training", "augmentation")

    def _plain(self, *keys: str) -> dict[str, Any]:
        values = self.model_dump(mode="json")
        return {key: values[key] for key in keys}


class Segmentation(Section):
    """Segmentation of cells or nuclei: engines, annotated images and measurements."""

    objects: Name = Field("Nuclei", description="name of the objects in tables")
    channels: list[Name] = Field(
        [],
        description="channels that the engines use, in order; empty: those of "
        "`annotated.channels`, or all of the screen",
    )
    annotated: Annotated | None = Field(
        None,
        description="images with reference masks; null: the sites of the screen, with the masks "
        "of `input.columns.mask`",
    )
    train_plates: list[str] = Field(
        [], description="plates whose reference masks are used for training"
    )
    validation_plates: list[str] = Field(
        [], description="plates whose reference masks are used for tuning"
    )
    test_plates: list[str] = Field(
        [],
        description="plates whose reference masks are used for scores. If all three lists are "
        "empty: plates in order, about half for training, a quarter each for validation and test",
    )
    split_disconnected: bool = Field(
        False,
        description="number unconnected parts of one label as separate objects; parts that touch "
        "only at a corner are unconnected",
    )
    ignore_label: int | None = Field(
        None,
        description="pixel value in reference masks of regions that are neither objects nor "
        "background; null: none. They are left out of training, tuning and scores; predicted "
        "objects mostly inside them are not counted",
    )
    binary_masks: Literal["error", "components", "labels"] = Field(
        "error",
        description="masks with a single value in which the objects are several unconnected "
        "parts. error: stop; components: number the connected parts; labels: one object per image",
    )
    images_per_set: int | None = Field(
        None,
        ge=1,
        description="largest number of images of the screen per set, evenly spread; null: all",
    )
    engines: dict[Name, Engine] = Field(
        {}, description="segmentation engines by name; the report compares them"
    )
    measure_with: Name | None = Field(
        None, description="engine that segments the screen; null: the first"
    )
    clear_border: bool = Field(
        False, description="leave out objects that touch the border of a site"
    )
    labelled_plates: bool = Field(
        False,
        description="also write one OME-Zarr store per plate with images and label images; takes "
        "as much disk space again as the images",
    )

    @consistency_check
    def _consistent(self) -> Segmentation:
        if self.annotated is not None:
            by_channel = list(self.annotated.channels)
            if not self.channels and not by_channel:
                raise ValueError(
                    "channels must name the channels of the annotated images, in order"
                )
            unknown = [name for name in self.channels if by_channel and name not in by_channel]
            if unknown:
                raise ValueError(
                    f"channels: annotated.channels has no file for {', '.join(unknown)}; it has "
                    f"{', '.join(by_channel)}"
                )
        if self.ignore_label == 0:
            raise ValueError("ignore_label: 0 is background; choose another value, or null")
        if self.measure_with is not None and self.measure_with not in self.engines:
            raise ValueError(
                f"measure_with: there is no engine {self.measure_with!r}; known: "
                f"{', '.join(self.engines) or 'none'}"
            )
        return self

    def seen_channels(self, screen: list[str]) -> list[str]:
        """Return the channels that engines see, of a screen with these channels."""
        by_channel = list(self.annotated.channels) if self.annotated else []
        return self.channels or by_channel or screen

    def needed_sets(self) -> list[str]:
        """Return the sets of annotated images that the engines need."""
        learns = any(engine.is_trained() for engine in self.engines.values())
        tunes = learns or any(engine.is_tuned() for engine in self.engines.values())
        needed = {"train": learns, "validation": tunes, "test": True}
        return [name for name, is_needed in needed.items() if is_needed]
