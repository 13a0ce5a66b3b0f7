"""Options of the training of segmentation networks, shared by the U-Net and StarDist."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from moascope.core.options import Section, consistency_check, refuse, without_effect


class NetworkTraining(Section):
    """Training of the U-Net or StarDist."""

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
    """Random changes of patches, of images and objects together; 0 is off."""

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
