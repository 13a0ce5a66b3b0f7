"""Images and trained networks that tests of engines share."""

import numpy as np
import pandas as pd
import pytest
from annotated_discs import write_discs

from moascope.segmentation.data.annotated_set import AnnotatedSet
from moascope.segmentation.data.dataset import write
from moascope.segmentation.data.masks import Mask

# StarDist and the U-Net need different Keras, so that only their fixtures import them.


@pytest.fixture(scope="module")
def nuclei() -> tuple[np.ndarray, np.ndarray]:
    """Discs on a noisy 16-bit image, two of them touching, and their labels."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:128, :160]
    labels = np.zeros((128, 160), np.int32)
    for number, (cy, cx) in enumerate([(25, 25), (25, 43), (80, 40), (90, 110), (40, 120)], 1):
        labels[(y - cy) ** 2 + (x - cx) ** 2 <= 100] = number
    image = 300 + 2000 * (labels > 0) + rng.normal(0, 60, labels.shape)
    return image.astype(np.uint16)[np.newaxis], labels


@pytest.fixture(scope="session")
def trained_unet(tmp_path_factory):
    """Train and tune a small U-Net on discs; return its path and its training curve."""
    import small_unet

    from moascope.segmentation.implementations.unet_training import fit
    from moascope.segmentation.implementations.unet_tuning import tune_saved

    folder = tmp_path_factory.mktemp("unet")
    pairs = [small_unet.discs(k) for k in range(6)]
    rows = pd.DataFrame(
        {
            "name": [f"i{k}" for k in range(6)],
            "set": ["train"] * 4 + ["validation", "test"],
            "group": [f"g{k}" for k in range(6)],
            "image": range(6),
            "mask": range(6),
        }
    )
    files = folder / "set.h5", folder / "set.parquet"
    write(
        rows,
        ["DNA"],
        *files,
        read_image=lambda k: pairs[k][0],
        read_labels=lambda k: Mask(pairs[k][1], ()),
    )
    network, checkpoint = folder / "unet.network.keras", folder / "checkpoint.npz"
    with AnnotatedSet(*files) as annotated:
        options = small_unet.OPTIONS
        history = fit(annotated, ["DNA"], options, network, seed=1, checkpoint=checkpoint)
        tune_saved([network], annotated, ["DNA"], small_unet.USE, folder / "unet.keras")
    return folder / "unet.keras", history


@pytest.fixture(scope="session")
def trained_stardist(tmp_path_factory):
    """Train a StarDist model on discs for a moment; return its path and its training curve."""
    import small_stardist

    from moascope.segmentation.implementations.stardist_training import fit

    folder = tmp_path_factory.mktemp("stardist")
    out = folder / "model.zip"
    with write_discs(folder) as annotated:
        history = fit(annotated, small_stardist.OPTIONS, out, seed=1)
    return out, history


@pytest.fixture
def of_another_lab(tmp_path):
    """Annotated images of other channels, in another order."""
    from small_unet import discs

    pairs = [discs(20 + k) for k in range(3)]
    names = ["a", "b", "c"]
    rows = pd.DataFrame({"name": names, "group": names, "image": range(3), "mask": range(3)})
    files = tmp_path / "set.h5", tmp_path / "set.parquet"
    write(
        rows.assign(set=["train", "validation", "test"]),
        ["Actin", "Hoechst"],
        *files,
        read_image=lambda k: np.concatenate([pairs[k][0][:, ::-1], pairs[k][0]]),
        read_labels=lambda k: Mask(pairs[k][1], ()),
    )
    with AnnotatedSet(*files) as annotated:
        yield annotated
