"""Sites in a batch."""

import pytest

from moascope.images.store_protocol import BATCH_BYTES, batch_size


@pytest.mark.parametrize(
    ("shape", "limit", "sites"),
    [
        ((3, 10, 20), 2400, 1),  # 4 bytes for each of 600 pixels
        ((3, 10, 20), 7199, 2),
        ((3, 10, 20), 7200, 3),
        ((1, 1, 1), 4, 1),
    ],
)
def test_a_batch_fits_into_the_limit_as_float32(shape, limit, sites):
    assert batch_size(shape, limit) == sites


def test_a_site_larger_than_the_limit_is_a_batch_of_its_own():
    assert batch_size((5, 4000, 4000)) == 1


def test_a_batch_of_usual_sites_stays_below_the_limit():
    n = batch_size((3, 1024, 1280))
    assert n * 4 * 3 * 1024 * 1280 <= BATCH_BYTES < (n + 1) * 4 * 3 * 1024 * 1280
