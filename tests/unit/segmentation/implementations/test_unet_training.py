"""Training of a U-Net, also further."""

import numpy as np
import pandas as pd
import pytest
from small_unet import FURTHER, changed, discs, train_further

from moascope.core.errors import InputError
from moascope.networks import saving
from moascope.segmentation.data.annotated_set import AnnotatedSet
from moascope.segmentation.data.dataset import write
from moascope.segmentation.data.masks import Mask


@pytest.fixture
def of_another_lab(tmp_path):
    """Annotated images of other channels, in another order."""
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


def test_a_given_network_is_trained_further_from_its_weights(
    trained_unet, of_another_lab, tmp_path
):
    out, history = train_further(of_another_lab, tmp_path, trained_unet[0])
    assert history["step"].tolist() == [2]
    before, after = (saving.load_model(path)[0] for path in (trained_unet[0], out))
    pairs = zip(before.get_weights(), after.get_weights(), strict=True)
    change = [np.abs(a - b).max() for a, b in pairs]
    assert 0 < max(change) < 1e-4  # two steps of at most 1e-5 from there, not from anywhere else
    assert history["loss"].iloc[-1] < 0.6  # that of a new network is above 1


def test_a_patch_that_the_given_network_cannot_take_is_refused(
    trained_unet, of_another_lab, tmp_path
):
    options = changed(FURTHER, training=changed(FURTHER.training, patch_size=34))
    with pytest.raises(InputError, match="34 px is no multiple of 4 px, which a network of depth"):
        train_further(of_another_lab, tmp_path, trained_unet[0], options)
