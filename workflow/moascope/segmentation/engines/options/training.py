"""Options of the training of segmentation networks, shared by the U-Net and StarDist."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from moascope.core.options import Section, consistency_check, refuse, without_effect


class NetworkTraining(Section):
    """Training of the U-Net or StarDist."""

    loss: Literal["cross-entropy", "dice", "cross-entropy+dice", "tversky", "focal"] = Field(
        "cross-entropy+dice",
        description="unet: loss of the classes; the distance has a loss of its own",
    )
    touching_weight: float = Field(
        5.0,
        ge=0,
        le=100,
        description="unet: extra weight of pixels between touching objects (all pixels have "
        "weight 1), falling off within a few pixels; 0: none",
    )
    steps: int = Field(
        6000,
        ge=1,
        le=1_000_000,
        description="number of training steps (batches); the learning rate depends on the step",
    )
    max_minutes: float | None = Field(
        None,
        gt=0,
        description="time limit in minutes: training stops, with a warning in log, report and "
        "summary.json. A run with a longer limit continues from there; null: no limit",
    )
    batch_size: int = Field(4, ge=1, le=256, description="patches per step")
    patch_size: int = Field(256, ge=32, le=2048, description="side of a patch in pixels")
    learning_rate: float = Field(
        1e-3, gt=0, le=1, description="highest learning rate; it falls by a cosine schedule"
    )
    warm_up: float = Field(
        0.05, ge=0, lt=1, description="share of the steps in which the learning rate rises"
    )
    weight_decay: float = Field(1e-4, ge=0, le=1, description="weight decay of AdamW")
    validate_every: int = Field(
        250, ge=1, description="steps between validations (by average precision)"
    )
    validation_images: int = Field(50, ge=1, description="largest number of images per validation")
    patience: int | None = Field(
        None,
        ge=1,
        description="validations without a higher average precision before training stops; null: "
        "never",
    )
    mixed_precision: bool = Field(False, description="unet: float16 arithmetic on GPUs")


class PatchAugmentation(Section):
    """Augmentation of training patches, images and masks alike; 0 is off."""

    flip: bool = Field(True, description="mirror half of the patches")
    quarter_turn: bool = Field(True, description="rotate by 0, 90, 180 or 270 degrees")
    warp: float = Field(
        0.5, ge=0, le=1, description="share of patches that are rotated, zoomed and deformed"
    )
    rotation: float = Field(180.0, ge=0, le=180, description="largest rotation angle in degrees")
    zoom: tuple[float, float] = Field((0.75, 1.5), description="smallest and largest zoom factor")
    elastic: float = Field(
        3.0,
        ge=0,
        le=50,
        description="SD in pixels of the elastic deformation: random shifts at 6 x 6 points of a "
        "patch, about half of which remains after smoothing",
    )
    inversion: float = Field(
        0.0, ge=0, le=1, description="share of patches with inverted intensities"
    )
    gamma: float = Field(
        0.4,
        ge=0,
        le=5,
        description="largest gamma: intensities are raised to powers from 1 / (1 + gamma) to 1 + "
        "gamma",
    )
    contrast: float = Field(
        0.3,
        ge=0,
        lt=1,
        description="largest contrast: intensities are multiplied by 1 - contrast to 1 + contrast",
    )
    brightness: float = Field(0.05, ge=0, le=1, description="largest offset of the intensities")
    blur: float = Field(1.0, ge=0, le=10, description="largest SD of the Gaussian blur in pixels")
    noise: float = Field(0.05, ge=0, le=1, description="largest SD of the Gaussian noise")

    @consistency_check
    def _consistent(self) -> PatchAugmentation:
        idle = () if self.warp else ("rotation", "zoom", "elastic")
        problems = without_effect(self, dict.fromkeys(idle, "warp 0"))
        if not 0 < self.zoom[0] <= self.zoom[1]:
            problems.append("zoom must go from a smaller to a larger magnification above 0")
        refuse(problems)
        return self
