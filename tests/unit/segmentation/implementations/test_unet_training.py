"""Training of a U-Net, also further."""

import numpy as np
import pytest
from small_unet import FURTHER, changed, train_further

from moascope.core.errors import InputError
from moascope.networks import saving


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
