import math

import pytest

from moascope.core.errors import InputError
from moascope.networks.divergence import check_loss


def test_a_finite_loss_is_accepted():
    check_loss(1e30, "epoch 1", 0.1)


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_training_that_diverged_is_an_error_with_its_remedy(loss):
    message = f"the loss is {loss} in step 7, so it has diverged. Lower learning_rate (now 0.1)"
    with pytest.raises(InputError) as raised:
        check_loss(loss, "step 7", 0.1)
    assert str(raised.value) == f"training: {message}."
    with pytest.raises(InputError) as raised:
        check_loss(loss, "step 7", 0.1, "switch mixed_precision off")
    assert str(raised.value) == f"training: {message}, or switch mixed_precision off."
