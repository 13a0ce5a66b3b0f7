import numpy as np
import pytest

from moascope.core.errors import InputError
from moascope.networks.training.losses import (
    CrossEntropyOptions,
    FocalOptions,
    build_loss,
)

TRUTH = np.eye(3, dtype="float32")
PREDICTED = np.array([[0.7, 0.2, 0.1], [0.2, 0.5, 0.3], [0.6, 0.3, 0.1]], "float32")
OF_TRUE = np.array([0.7, 0.5, 0.1])


def test_cross_entropy_is_the_mean_surprise():
    loss = build_loss("cross-entropy", CrossEntropyOptions(), 0.0)
    assert float(loss(TRUTH, PREDICTED)) == pytest.approx(-np.log(OF_TRUE).mean(), rel=1e-5)


def test_the_focal_loss_is_that_of_its_paper():
    loss = build_loss("focal", FocalOptions(focal_gamma=3, focal_alpha=0.5), 0.0)
    expected = (0.5 * (1 - OF_TRUE) ** 3 * -np.log(OF_TRUE)).mean()
    assert float(loss(TRUTH, PREDICTED)) == pytest.approx(expected, rel=1e-5)


def test_smoothed_labels_punish_certainty():
    sharp, smooth = (build_loss("cross-entropy", CrossEntropyOptions(), s) for s in (0.0, 0.3))
    certain = np.eye(3, dtype="float32") * 0.998 + 0.001
    assert float(smooth(TRUTH, certain)) > float(sharp(TRUTH, certain)) + 0.5


def test_an_unknown_loss_is_an_error():
    with pytest.raises(InputError, match="unknown loss 'focus'; did you mean 'focal'"):
        build_loss("focus", FocalOptions(), 0.0)
