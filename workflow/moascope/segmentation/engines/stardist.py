"""StarDist (Schmidt et al. 2018), as data."""

from __future__ import annotations

from moascope.segmentation.engines.base import Method, SizeAdvice
from moascope.segmentation.engines.options.stardist import StarDistOptions

_OF_UNET = ("loss", "touching_weight", "mixed_precision")  # keys of `training` for the U-Net only


def _problems(options: StarDistOptions) -> list[str]:
    found = []
    given = [f"training.{key}" for key in _OF_UNET if key in options.training.model_fields_set]
    if given:
        found.append(
            f"{', '.join(sorted(given))}: unknown to method 'stardist', which has its own "
            "network and loss; remove it"
        )
    if options.tune and None not in (options.prob_threshold, options.nms_threshold):
        found.append(
            "tune: prob_threshold and nms_threshold are both set, so there is nothing to tune; "
            "remove one of them, or tune"
        )
    if options.grid not in (1, 2, 4, 8):
        return [*found, f"grid ({options.grid}) must be 1, 2, 4 or 8 px"]
    multiple = 8 * options.grid
    if options.training.patch_size % multiple:
        found.append(
            f"training.patch_size ({options.training.patch_size}) must be a multiple of {multiple} "
            f"px, which a grid of {options.grid} needs"
        )
    return found


STARDIST = Method(
    name="stardist",
    options=StarDistOptions,
    load="moascope.segmentation.implementations.stardist:load",
    environment="stardist",
    finding_keys=("model", "channel_map", "diameter", "prob_threshold", "nms_threshold"),
    advice=SizeAdvice("min_area or prob_threshold", "prob_threshold or max_area"),
    memory_mb=6000,
    library="tensorflow",
    sees_gpu="moascope.segmentation.implementations.stardist:sees_gpu",
    packages=("stardist", "tf-keras"),
    measure="moascope.segmentation.implementations.stardist:measure_size",
    train="moascope.segmentation.implementations.stardist_training:train_job",
    tune="moascope.segmentation.implementations.stardist_tuning:tune_job",
    learning_keys=("n_rays", "grid"),
    keys_of_model=("training", "augmentation", "n_rays", "grid"),
    model_file="stardist.zip",
    problems=_problems,
)
