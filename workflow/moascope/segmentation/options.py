"""The section `segmentation` of the configuration."""

from __future__ import annotations

import typing
from pathlib import Path
from typing import Literal

from pydantic import Field

from moascope.core.image_limits import MAX_GIGABYTES
from moascope.core.options import (
    FilePath,
    Name,
    Rooted,
    Section,
    Whole,
    consistency_check,
    refuse,
    without_effect,
)

METHODS = Literal["unet", "classical", "stardist", "cellpose"]
_OF_UNET = {"loss", "touching_weight", "mixed_precision"}  # keys of `training` for the U-Net only
METHODS_OF_KEYS: dict[str, tuple[str, ...]] = {
    "model": ("unet", "stardist", "cellpose"),
    "tune": ("unet", "stardist"),
    "channel_map": ("unet", "stardist"),
    "network": ("unet",),
    "training": ("unet", "stardist"),
    "augmentation": ("unet", "stardist"),
    "ensemble": ("unet",),
    "rays": ("stardist",),
    "grid": ("stardist",),
    "turns": ("unet",),
    "tile": ("unet",),
    "overlap": ("unet",),
    "diameter": ("unet", "classical", "stardist", "cellpose"),
    "polarity": ("classical",),
    "threshold": ("classical",),
    "correction": ("classical",),
    "smoothing": ("classical",),
    "separation": ("classical",),
    "prominence": ("unet",),
    "seed_threshold": ("unet",),
    "mask_threshold": ("unet",),
    "prob_threshold": ("stardist",),
    "nms_threshold": ("stardist",),
    "flow_threshold": ("cellpose",),
    "cellprob_threshold": ("cellpose",),
    "export": ("unet",),
}
"""Methods that use a key of an engine; keys that are not named are used by all."""
_LEARNING_KEYS = {
    ("unet", "network"),  # that of the model; `training` and `augmentation` teach it more
    ("unet", "ensemble"),
    *(("stardist", key) for key in ("training", "augmentation", "rays", "grid")),
}


class Annotated(Rooted):
    """Images with known objects that belong to no screen."""

    paths = ("sheet", "images", "set_file")

    sheet: FilePath = Field(description="CSV/TSV with one row per image")
    images: FilePath | None = Field(
        None, description="folder that paths are relative to; null: the folder of the sheet"
    )
    image: str = Field(
        "{image}", description="path of the image, with columns of the sheet in braces"
    )
    channels: dict[Name, str] = Field(
        {},
        description="for images with a file per channel, instead of `image`: the path of each, "
        "such as `{DNA: '{dna_path}', Actin: 'actin/{id}.tif'}`",
    )
    axes: str | None = Field(
        None,
        pattern="^[TZCYXS]+$",
        description="order of the axes in image files that do not say, such as CYX",
    )
    mask: str = Field(
        "{mask}",
        description="path of the label image (TIFF or PNG, a number per object), or of a folder "
        "with one binary mask per object",
    )
    name: str = Field(
        "",
        description="name of the image in tables and in `set_file`; empty: its file name without "
        "the ending",
    )
    group: str = Field(
        "",
        description="column that says which images belong together, such as the frames of a movie "
        "(columns in braces are filled in); a group may not be tested on if it was learnt from, "
        "and intervals and tuning count groups; empty: every image stands for itself",
    )
    set_column: str = Field(
        "set", description="column that says train, validation or test, or is translated by `sets`"
    )
    sets: dict[str, Literal["train", "validation", "test", "unused"]] = Field(
        {}, description="what the values of `set_column` mean, where they are not these words"
    )
    set_file: FilePath | None = Field(
        None,
        description="JSON file with the lists train, val and test of image names, instead of "
        "`set_column`; images in no list are left out",
    )
    validation: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="share of the training images, the last ones of the sheet, that are used for "
        "validation where the sheet names none",
    )
    pixel_size_um: float | None = Field(
        None, gt=0, description="pixel size in micrometres of the images; null: not known"
    )
    max_image_gigabytes: float = Field(
        MAX_GIGABYTES,
        gt=0,
        description="largest size in gigabytes of the decompressed pixels of an image or mask; "
        "what declares more is refused before memory is taken",
    )

    @consistency_check
    def _one_source(self) -> Annotated:
        idle = ("set_column", "sets") if self.set_file is not None else ()
        problems = without_effect(self, dict.fromkeys(idle, f"set_file {self.set_file!r}"))
        if self.channels and self.image != "{image}":
            problems.append(
                "image and channels both name the images; keep image (all channels in one file) or "
                "channels (a file for each)"
            )
        refuse(problems)
        return self


class Network(Section):
    """The U-Net."""

    encoder: Literal["efficientnet-lite0", "none"] = Field(
        "efficientnet-lite0",
        description="pretrained on ImageNet, or convolutions trained from scratch",
    )
    depth: int = Field(
        4, ge=1, le=6, description="how often the resolution is halved; at most 5 if pretrained"
    )
    filters: int = Field(8, ge=1, le=256, description="channels at full resolution")
    normalization: Literal["batch", "group", "none"] = Field(
        "none", description="after every convolution but those of a pretrained encoder"
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="at the lowest resolution")
    outputs: Literal["classes", "distance", "both"] = Field(
        "both",
        description="background, interior and boundary; the distance to the border of the object, "
        "relative to its centre; or both",
    )
    deep_supervision: bool = Field(
        False, description="learn from coarser predictions of deeper levels as well"
    )
    binning: typing.Annotated[Literal[1, 2, 4, 8], Whole] = Field(
        1,
        description="side in pixels of the squares that are averaged before the network sees them; "
        "2 or more for objects of some 100 px and above, which then take a quarter of the time "
        "and are seen whole; objects are cut out at full resolution",
    )


class NetworkTraining(Section):
    """How the U-Net or StarDist learns."""

    loss: Literal["cross-entropy", "dice", "cross-entropy+dice", "tversky", "focal"] = Field(
        "cross-entropy+dice", description="unet: of the classes; the distance has its own"
    )
    touching_weight: float = Field(
        5.0,
        ge=0,
        le=100,
        description="unet: what is added to the weight of pixels (1) where two objects touch, and "
        "less of it where they are a few pixels apart; 0: nothing",
    )
    steps: int = Field(
        6000,
        ge=1,
        le=1_000_000,
        description="batches to learn from; the learning rate depends on the step, not on time",
    )
    max_minutes: float | None = Field(
        None,
        gt=0,
        description="a guard: stop after so many minutes, with a warning in log, report and "
        "summary.json; it changes no step, and a run with a longer limit goes on; null: none",
    )
    batch_size: int = Field(4, ge=1, le=256, description="patches per step")
    patch_size: int = Field(256, ge=32, le=2048, description="side of a patch in pixels")
    learning_rate: float = Field(1e-3, gt=0, le=1, description="highest; falls by a cosine")
    warm_up: float = Field(0.05, ge=0, lt=1, description="share of steps in which it rises")
    weight_decay: float = Field(1e-4, ge=0, le=1, description="of AdamW")
    validate_every: int = Field(250, ge=1, description="steps between validations by AP")
    validation_images: int = Field(
        50, ge=1, description="validation images that are looked at while training"
    )
    patience: int | None = Field(
        None, ge=1, description="validations without a better AP before stopping; null: never"
    )
    mixed_precision: bool = Field(False, description="unet: float16 arithmetic on GPUs")


class PatchAugmentation(Section):
    """How patches are varied, image and objects together; 0 is off."""

    flip: bool = Field(True, description="mirror every other patch")
    quarter_turn: bool = Field(True, description="turn by 0, 90, 180 or 270 degrees")
    warp: float = Field(
        0.5, ge=0, le=1, description="share of patches that are rotated, zoomed and deformed"
    )
    rotation: float = Field(180.0, ge=0, le=180, description="largest angle in degrees")
    zoom: tuple[float, float] = Field((0.75, 1.5), description="smallest and largest zoom")
    elastic: float = Field(
        3.0,
        ge=0,
        le=50,
        description="SD in pixels of random shifts at 6 x 6 points of a patch; smoothed between "
        "them, about half of it is left",
    )
    inversion: float = Field(0.0, ge=0, le=1, description="share with inverted intensities")
    gamma: float = Field(0.4, ge=0, le=5, description="powers from 1 / (1 + gamma) to 1 + gamma")
    contrast: float = Field(0.3, ge=0, lt=1, description="factors 1 - contrast to 1 + contrast")
    brightness: float = Field(0.05, ge=0, le=1, description="largest offset")
    blur: float = Field(1.0, ge=0, le=10, description="largest SD of the blur in pixels")
    noise: float = Field(0.05, ge=0, le=1, description="largest SD of the noise")

    @consistency_check
    def _consistent(self) -> PatchAugmentation:
        idle = () if self.warp else ("rotation", "zoom", "elastic")
        problems = without_effect(self, dict.fromkeys(idle, "warp 0"))
        if not 0 < self.zoom[0] <= self.zoom[1]:
            problems.append("zoom must go from a smaller to a larger magnification above 0")
        refuse(problems)
        return self


class Engine(Section):
    """One way to find objects."""

    method: METHODS = Field(description="U-Net, threshold and watershed, StarDist, or Cellpose")
    model: FilePath | None = Field(
        None,
        description="unet: path of a model that MoAscope trained; stardist: folder or zip file of "
        "a model, or a pretrained name; cellpose: pretrained name or path; null: train (unet, "
        "stardist), tune (classical), or the engine's default (cellpose). A U-Net with `training` "
        "beside it is trained further on the annotated images",
    )
    tune: bool = Field(
        False,
        description="unet, stardist, with `model` and without training: tune the stored parameters "
        "(thresholds; of a U-Net also prominence, smoothing and smallest area) on the annotated "
        "validation images. The results hold a copy of the model with them; keys that are set here "
        "stay as set",
    )
    channel_map: dict[Name, Name] = Field(
        {},
        description="unet, stardist, with a model that names its channels: which channel of the "
        "images each of them is, such as `{DNA: Hoechst}`; others keep their names",
    )
    network: Network = Field(default_factory=Network, description="unet: what it looks like")
    training: NetworkTraining = Field(
        default_factory=NetworkTraining, description="unet, stardist: how it learns"
    )
    augmentation: PatchAugmentation = Field(
        default_factory=PatchAugmentation, description="unet, stardist: how patches are varied"
    )
    ensemble: int = Field(
        1,
        ge=1,
        le=20,
        description="unet: networks that are trained with the seeds `seed`, `seed` + 1 and so on, "
        "and whose maps are averaged",
    )
    rays: int = Field(
        32, ge=3, le=256, description="stardist: directions in which the border is looked for"
    )
    grid: int = Field(
        2,
        ge=1,
        le=8,
        description="stardist: side (1, 2, 4 or 8 px) of what shares a prediction",
    )
    turns: bool = Field(
        False, description="unet: average the maps of all eight flips and quarter turns"
    )
    tile: int = Field(
        1280,
        ge=64,
        le=8192,
        description="unet: largest side of a tile in pixels; smaller images are predicted whole",
    )
    overlap: int | None = Field(
        None,
        ge=0,
        le=2048,
        description="unet: overlap of tiles in pixels; null: 320, with which maps of a trained "
        "default network differ by less than 0.0001 from those of the whole image, but at most "
        "half a tile",
    )
    diameter: Literal["auto"] | typing.Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="usual diameter in pixels of the objects of the screen (of a given model also "
        "of annotated images). unet, stardist: images are resized, so that it becomes the one that "
        "the model has learnt; auto: the size at which some 20 images show objects most clearly; "
        "null: by `pixel_size_um` of both, else as they are. classical: lengths are multiples of "
        "it; auto: estimated from some 20 images; null: the median of the annotated objects, or "
        "20. cellpose: images are resized, so that it becomes 30 px; null: as they are, for "
        "objects of about 8 to 120 px",
    )
    polarity: Literal["bright", "dark"] = Field(
        "bright", description="classical: objects are brighter or darker than the background"
    )
    threshold: Literal["otsu", "triangle", "local"] = Field(
        "otsu",
        description="classical: how the threshold is found; `triangle` for few or faint objects, "
        "`local` (Otsu of the difference to the surroundings) for uneven light",
    )
    correction: float | None = Field(
        None,
        gt=0,
        le=10,
        description="classical: factor of the threshold; below 1 more pixels belong to objects; "
        "null: tuned, or 0.8",
    )
    smoothing: float | None = Field(
        None,
        ge=0,
        le=1,
        description="classical: SD of the Gaussian that smoothes the image, in diameters; null: "
        "tuned, or 0.05",
    )
    separation: float | None = Field(
        None,
        gt=0,
        le=2,
        description="classical: smallest distance between centres of objects, in diameters; less "
        "splits more; null: tuned, or 0.3",
    )
    prominence: float | None = Field(
        None,
        ge=0,
        le=1,
        description="unet: height of a peak above the saddle to a higher one that makes it an "
        "object of its own; less splits more; null: tuned",
    )
    seed_threshold: float | None = Field(
        None, ge=0, le=1, description="unet: lowest top of an object; null: tuned"
    )
    mask_threshold: float | None = Field(
        None, ge=0, le=1, description="unet: lowest foreground of a pixel of an object; null: tuned"
    )
    prob_threshold: float | None = Field(
        None,
        ge=0,
        le=1,
        description="stardist: lowest probability of an object; null: that of the model",
    )
    nms_threshold: float | None = Field(
        None,
        ge=0,
        le=1,
        description="stardist: largest overlap of two objects; null: that of the model",
    )
    flow_threshold: float | None = Field(
        None,
        ge=0,
        le=10,
        description="cellpose: largest error of the flows of an object; 0: any; null: its default",
    )
    cellprob_threshold: float | None = Field(
        None,
        ge=-10,
        le=10,
        description="cellpose: lowest logit of a pixel of an object; null: its default",
    )
    min_area: int | None = Field(
        None,
        ge=1,
        description="smallest area of an object in pixels of the image; null: tuned, or that of "
        "the model",
    )
    max_area: int | None = Field(
        None, ge=1, description="largest area of an object in pixels of the image; null: no limit"
    )
    export: bool = Field(
        False,
        description="unet: also write the network as a BioImage.IO package with ONNX weights, "
        "which holds an annotated image as its test; needs the extra `export`",
    )

    @consistency_check
    def _fits(self) -> Engine:
        if unused := self._unused_keys():
            raise ValueError("; ".join(unused))
        if self.max_area is not None and (self.min_area or 1) > self.max_area:
            raise ValueError(
                f"min_area ({self.min_area}) must not exceed max_area ({self.max_area})"
            )
        if self.channel_map and self.model is None:
            raise ValueError("channel_map is for a given model; leave it out or set model")
        if self.tune:
            self._check_tune()
        if self.method == "unet":
            self._check_unet()
        if self.method == "stardist":
            self._check_stardist()
        return self

    def _unused_keys(self) -> list[str]:
        """Name the keys that were set, but do nothing with this method or beside a given model."""
        found = []
        for key in sorted(self.model_fields_set & METHODS_OF_KEYS.keys()):
            methods = METHODS_OF_KEYS[key]
            if self.method not in methods:
                found.append(
                    f"{key} is for method {' or '.join(methods)}, not {self.method}; leave it out"
                )
            elif self.model is not None and (self.method, key) in _LEARNING_KEYS:
                found.append(
                    f"{key} has no effect beside a given model ({self.model}), used as it is; "
                    "leave one of them out"
                )
        return found

    def is_trained(self) -> bool:
        """Tell whether this is a network that the run trains."""
        is_new = self.method in ("unet", "stardist") and self.model is None
        return is_new or self.is_trained_further()

    def is_trained_further(self) -> bool:
        """Return whether this is a given U-Net that the run goes on training."""
        is_given = self.method == "unet" and self.model is not None
        return is_given and "training" in self.model_fields_set

    def is_tuned(self) -> bool:
        """Return whether the run tunes how objects are found, on validation images."""
        return self.is_trained() or self.tune or self.method == "classical"

    def is_given_by_path(self) -> bool:
        """Tell whether the model is a file or folder, not the name of a published one."""
        if self.model is None:
            return False
        path = Path(self.model)
        looks_like_one = path.exists() or path.suffix != "" or len(path.parts) > 1
        return self.method == "unet" or looks_like_one

    def _check_tune(self) -> None:
        if self.model is None:
            raise ValueError(
                "tune is for a given model; a network that is trained here is tuned anyway. Leave "
                "tune out, or set model"
            )
        if self.is_trained_further():
            raise ValueError(
                "tune has no effect beside training, after which a network is tuned anyway; leave "
                "tune out, or leave training out to tune the given model as it is"
            )
        if self.prob_threshold is not None and self.nms_threshold is not None:
            raise ValueError(
                "tune: prob_threshold and nms_threshold are both set, so that nothing is left to "
                "tune; leave one of them out, or tune"
            )

    def _check_stardist(self) -> None:
        given = [f"training.{key}" for key in self.training.model_fields_set & _OF_UNET]
        if given:
            raise ValueError(
                f"{', '.join(sorted(given))}: unknown to method 'stardist', whose network and loss "
                "are its own; leave it out"
            )
        if self.grid not in (1, 2, 4, 8):
            raise ValueError(f"grid ({self.grid}) must be 1, 2, 4 or 8 px")
        multiple = 8 * self.grid
        if self.training.patch_size % multiple:
            raise ValueError(
                f"training.patch_size ({self.training.patch_size}) must be a multiple of "
                f"{multiple} px, which a grid of {self.grid} needs"
            )

    def _check_unet(self) -> None:
        if self.network.encoder != "none" and self.network.depth > 5:
            raise ValueError(
                f"network.depth ({self.network.depth}) must be at most 5 with a pretrained encoder"
            )
        is_used_as_it_is = self.model is not None and not self.is_trained_further()
        if is_used_as_it_is and "augmentation" in self.model_fields_set:
            raise ValueError(
                "augmentation is for training, but the given model is used as it is; add training "
                "to train it further, or leave augmentation out"
            )
        multiple = self.network.binning * 2**self.network.depth
        if self.model is None and self.training.patch_size % multiple:
            raise ValueError(
                f"training.patch_size ({self.training.patch_size}) must be a multiple of "
                f"{multiple} px, which a network of depth {self.network.depth} and binning "
                f"{self.network.binning} needs"
            )
        if self.overlap is not None and self.overlap > self.tile // 2:
            raise ValueError(f"overlap ({self.overlap}) must be at most half of tile ({self.tile})")


class Segmentation(Section):
    """Finding cells or nuclei: engines, what they learn from, and what is measured."""

    objects: Name = Field("Nuclei", description="what the objects are called in tables")
    channels: list[Name] = Field(
        [], description="channels that the engines see, in order; of a screen, empty: all"
    )
    annotated: Annotated | None = Field(
        None, description="images with known objects; null: those of the screen, by columns.mask"
    )
    train_plates: list[str] = Field([], description="plates whose objects are learnt from")
    validation_plates: list[str] = Field([], description="plates that parameters are tuned on")
    test_plates: list[str] = Field(
        [],
        description="plates that engines are scored on; all three lists empty: the plates of the "
        "screen in order, about half to train, a quarter each to validate and test",
    )
    split_merged: bool = Field(
        False,
        description="give parts of one known label that are apart, or touch by a corner only, "
        "numbers of their own",
    )
    ignore_label: int | None = Field(
        None,
        description="value of pixels in the label images (of annotated sets and of the screen) "
        "that are neither objects nor background; they are left out of learning, tuning and "
        "scores, and objects that are found mostly there do not count; null: none",
    )
    binary_masks: Literal["error", "components", "labels"] = Field(
        "error",
        description="masks with a single value in which objects are several unconnected parts: "
        "refuse them, give each connected part a number, or take them as one object per image",
    )
    images_per_set: int | None = Field(
        None, ge=1, description="at most so many images of a screen per set, evenly spread"
    )
    engines: dict[Name, Engine] = Field({}, description="engines by name, compared in the report")
    measure_with: Name | None = Field(
        None, description="engine that segments the screen; null: the first"
    )
    clear_border: bool = Field(
        False, description="leave out objects that touch the border of a site"
    )
    labelled_plates: bool = Field(
        False,
        description="also write one OME-Zarr store per plate with its images and label images, to "
        "open both together; takes as much disk again as the images",
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
