"""Maps of features in the plane."""

import numpy as np
import pandas as pd
import pytest

from moascope.report.figures import embedding, style


def test_the_first_144_groups_of_a_map_look_different():
    looks = {(style.marker_of(i), i % style.N_CATEGORIES) for i in range(144)}
    assert len(looks) == 144


def test_embedding_separates_clusters_and_is_reproducible():
    rng = np.random.default_rng(0)
    centres = 20 * rng.standard_normal((3, 60))
    features = np.repeat(centres, 30, axis=0) + rng.standard_normal((90, 60))
    table = embedding.embedding_map(features, seed=1)
    again = embedding.embedding_map(features, seed=1)
    pd.testing.assert_frame_equal(table, again)
    truth = np.repeat(range(3), 30)
    for kind in ("pca", "tsne"):
        plane = table[[f"{kind}_1", f"{kind}_2"]].to_numpy()
        middles = np.stack([plane[truth == k].mean(axis=0) for k in range(3)])
        nearest = ((plane[:, None] - middles) ** 2).sum(axis=-1).argmin(axis=1)
        assert (nearest == truth).all(), kind


def test_embedding_principal_components_agree_with_a_singular_value_decomposition():
    rng = np.random.default_rng(1)
    features = rng.standard_normal((40, 8)) * np.arange(8, 0, -1)
    table = embedding.embedding_map(features, seed=0)
    # Columns of one scale each, so that no kind of feature counts more than another.
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    u, s, _ = np.linalg.svd(scaled, full_matrices=False)
    np.testing.assert_allclose(np.abs(table["pca_1"]), np.abs(u[:, 0] * s[0]), atol=1e-6)
    np.testing.assert_allclose(table.attrs["explained"], (s**2 / (s**2).sum())[:2])


def test_embedding_draws_at_most_the_points_asked_for():
    table = embedding.embedding_map(np.random.default_rng(2).standard_normal((50, 4)), 0, 20)
    assert len(table) == 20
    assert table["row"].is_monotonic_increasing
    assert table["row"].max() < 50


@pytest.mark.parametrize("shape", [(3, 5), (4, 1), (30, 1)])
def test_embedding_of_few_units_or_features_is_drawn(shape):
    table = embedding.embedding_map(np.random.default_rng(3).standard_normal(shape), seed=0)
    assert table[["pca_1", "pca_2"]].notna().all(axis=None)
    assert len(table.attrs["explained"]) == 2


def test_units_that_are_all_alike_to_the_network_are_drawn():
    table = embedding.embedding_map(np.zeros((20, 5)), seed=0)
    assert (table[["pca_1", "pca_2"]] == 0).all(axis=None)
    assert "tsne_1" not in table
    assert table.attrs["explained"] == [0.0, 0.0]
