"""The U-Net that MoAscope trains, as data."""

from __future__ import annotations

from moascope.segmentation.engines.base import Method, SizeAdvice
from moascope.segmentation.engines.options.unet import UNetOptions


def _problems(options: UNetOptions) -> list[str]:
    found = []
    if options.network.encoder != "none" and options.network.depth > 5:
        found.append(
            f"network.depth ({options.network.depth}) must be at most 5 with a pretrained encoder"
        )
    is_used_as_it_is = options.model is not None and "training" not in options.model_fields_set
    if is_used_as_it_is and "augmentation" in options.model_fields_set:
        found.append(
            "augmentation has no effect, since the given model is not trained; add training to "
            "train it further, or remove augmentation"
        )
    multiple = options.network.binning * 2**options.network.depth
    if options.model is None and options.training.patch_size % multiple:
        found.append(
            f"training.patch_size ({options.training.patch_size}) must be a multiple of "
            f"{multiple} px, which a network of depth {options.network.depth} and binning "
            f"{options.network.binning} needs"
        )
    if options.overlap is not None and options.overlap > options.tile // 2:
        found.append(f"overlap ({options.overlap}) must be at most half of tile ({options.tile})")
    return found


UNET = Method(
    name="unet",
    options=UNetOptions,
    load="moascope.segmentation.implementations.unet:load",
    environment="tensorflow",
    finding_keys=(
        "channel_map",
        "diameter",
        "test_time_augmentation",
        "tile",
        "overlap",
        "prominence",
        "seed_threshold",
        "mask_threshold",
    ),
    advice=SizeAdvice("min_area or seed_threshold", "mask_threshold or max_area"),
    memory_mb=6000,
    library="keras",
    sees_gpu="moascope.segmentation.implementations.unet:sees_gpu",
    check="moascope.segmentation.implementations.unet:check_model",
    measure="moascope.segmentation.implementations.unet:measure_size",
    train="moascope.segmentation.implementations.unet_training:train_job",
    tune="moascope.segmentation.implementations.unet_tuning:tune_job",
    is_ensemble=True,
    learning_keys=("network",),
    keys_of_model=("network", "ensemble"),
    continues_training=True,
    model_file="keras",
    is_always_file=True,
    problems=_problems,
)
