"""Measures of intensity, and the sites that they flag."""

import numpy as np
from pictures import cells
from quality_tables import measured, reasons


def test_percentiles_mean_and_sd_are_numpys(rng):
    images = rng.integers(0, 4096, (3, 2, 101, 101)).astype(np.uint16)
    table = measured(images, ["a", "b"])
    for c, channel in enumerate(["a", "b"]):
        flat = images[:, c].reshape(3, -1)
        for q in (1, 50, 99):
            np.testing.assert_array_equal(table[f"p{q}:{channel}"], np.percentile(flat, q, axis=1))
        np.testing.assert_allclose(table[f"mean:{channel}"], flat.mean(axis=1))
        np.testing.assert_allclose(table[f"sd:{channel}"], flat.std(axis=1))


def test_an_unstained_site_is_dim_and_a_glowing_one_bright(rng):
    images = np.concatenate([cells(rng, n=20, gain=8000), cells(rng, n=20, gain=8000)], axis=1)
    images[5, 1] = cells(rng, gain=100)[0, 0]
    images[9, 0] += np.uint16(30000)
    found = reasons(images, ["DNA", "Actin"])
    assert (found[5], found[9]) == ("dim", "bright")
    assert sum(map(bool, found)) == 2
