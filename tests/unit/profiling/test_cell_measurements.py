"""Measurements of objects, against scikit-image object by object."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from irregular_objects import blobs
from scipy.spatial.distance import cdist
from skimage.feature import graycoprops
from skimage.measure import regionprops

from moascope.profiling.cell_measurements import GREY_LEVELS, measure

CHANNELS = ["DNA", "actin"]


IMAGE, LABELS = blobs(0)
TABLE = measure(IMAGE, LABELS, CHANNELS, "Nuclei")
REGIONS = regionprops(LABELS, IMAGE.transpose(1, 2, 0))


def expected(name: str) -> np.ndarray:
    return np.array([getattr(region, name) for region in REGIONS])


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("AreaShape_Area", "area"),
        ("AreaShape_Perimeter", "perimeter"),
        ("AreaShape_Extent", "extent"),
        ("AreaShape_Eccentricity", "eccentricity"),
        ("AreaShape_MajorAxisLength", "axis_major_length"),
        ("AreaShape_MinorAxisLength", "axis_minor_length"),
        ("AreaShape_EquivalentDiameter", "equivalent_diameter_area"),
    ],
)
def test_shape_is_that_of_scikit_image(column, name):
    np.testing.assert_allclose(TABLE[f"Nuclei_{column}"], expected(name), rtol=1e-4, atol=1e-4)


def test_location_and_box_are_those_of_scikit_image():
    centres = np.array([region.centroid for region in REGIONS])
    np.testing.assert_allclose(
        TABLE[["Nuclei_Location_Center_Y", "Nuclei_Location_Center_X"]], centres, rtol=1e-5
    )
    box = [
        f"Nuclei_AreaShape_BoundingBox{end}_{axis}"
        for end in ("Minimum", "Maximum")
        for axis in "YX"
    ]
    np.testing.assert_array_equal(TABLE[box], [region.bbox for region in REGIONS])


def test_hulls_agree_with_those_of_scikit_image():
    large = expected("area") > 100
    solidity = TABLE["Nuclei_AreaShape_Solidity"].to_numpy()
    np.testing.assert_allclose(solidity[large], expected("solidity")[large], atol=0.03)
    feret = TABLE["Nuclei_AreaShape_MaxFeretDiameter"].to_numpy()
    np.testing.assert_allclose(feret[large], expected("feret_diameter_max")[large], rtol=0.04)


@settings(max_examples=20, deadline=None)
@given(st.integers(3, 30), st.integers(3, 30))
def test_the_hull_of_a_rectangle_is_the_rectangle(height, width):
    labels = np.zeros((40, 40), np.int32)
    labels[5 : 5 + height, 4 : 4 + width] = 1
    row = measure(np.zeros((1, 40, 40), np.uint8), labels, ["a"], texture_scales=()).iloc[0]
    assert row["Cells_AreaShape_ConvexArea"] == pytest.approx(height * width, abs=1)
    assert row["Cells_AreaShape_Solidity"] == pytest.approx(1, abs=0.01)
    assert row["Cells_AreaShape_MinFeretDiameter"] == pytest.approx(min(height, width), rel=0.01)


def test_orientation_is_degrees_from_the_y_axis():
    labels = np.zeros((40, 40), np.int32)
    labels[5:35, 10:14] = 1
    labels[2:4, 20:38] = 2
    diagonal = np.arange(8)
    for offset in (0, 1):
        labels[10 + diagonal, 20 + offset + diagonal] = 3
    table = measure(np.zeros((1, 40, 40), np.uint8), labels, ["a"])
    angles = table["Cells_AreaShape_Orientation"].to_numpy()
    np.testing.assert_allclose(np.abs(angles[:2]), [0, 90], atol=1e-4)
    assert 40 < angles[2] < 60


def quantile(values: np.ndarray, owner: np.ndarray, share: float) -> np.ndarray:
    """Quantile of the values of every object, found in one order by object and value."""
    ordered = values[np.lexsort((values, owner))]
    counts = np.bincount(owner)
    position = share * (counts - 1)
    below = np.floor(position).astype(int)
    starts = np.cumsum(counts) - counts
    low = ordered[starts + below]
    high = ordered[starts + np.minimum(below + 1, counts - 1)]
    return low + (position - below) * (high - low)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("seed", range(5))
def test_quantiles_are_those_of_one_order_by_object_and_value(dtype, seed):
    image, labels = blobs(seed)
    plane = (image[0] % 251 / 1.7).astype(dtype)
    table = measure(plane[np.newaxis], labels, ["a"], texture_scales=())
    inside = labels > 0
    values, owner = plane[inside].astype(np.float64), labels[inside] - 1
    median = quantile(values, owner, 0.5)
    for name, expected in {
        "MinIntensity": quantile(values, owner, 0),
        "LowerQuartileIntensity": quantile(values, owner, 0.25),
        "MedianIntensity": median,
        "UpperQuartileIntensity": quantile(values, owner, 0.75),
        "MaxIntensity": quantile(values, owner, 1),
        "MADIntensity": quantile(np.abs(values - median[owner]), owner, 0.5),
    }.items():
        column = table[f"Cells_Intensity_{name}_a"].to_numpy()
        np.testing.assert_array_equal(column, expected.astype(np.float32), err_msg=name)


@pytest.mark.parametrize("channel", [0, 1])
def test_intensities_are_those_of_numpy(channel):
    start = "Nuclei_Intensity_"
    values = [IMAGE[channel][number == LABELS].astype(float) for number in TABLE["ObjectNumber"]]
    for name, function in {
        "IntegratedIntensity": np.sum,
        "MeanIntensity": np.mean,
        "StdIntensity": np.std,
        "MinIntensity": np.min,
        "MaxIntensity": np.max,
        "MedianIntensity": np.median,
        "LowerQuartileIntensity": lambda v: np.quantile(v, 0.25),
        "UpperQuartileIntensity": lambda v: np.quantile(v, 0.75),
        "MADIntensity": lambda v: np.median(np.abs(v - np.median(v))),
    }.items():
        np.testing.assert_allclose(
            TABLE[f"{start}{name}_{CHANNELS[channel]}"], [function(v) for v in values],
            rtol=1e-5, err_msg=name,
        )  # fmt: skip
    weighted = [np.asarray(region.centroid_weighted)[:, channel] for region in REGIONS]
    shift = np.array(weighted) - [region.centroid for region in REGIONS]
    np.testing.assert_allclose(
        TABLE[f"{start}MassDisplacement_{CHANNELS[channel]}"], np.hypot(*shift.T), atol=1e-3
    )


@pytest.mark.parametrize("scale", [1, 3])
def test_texture_is_that_of_scikit_image(scale):
    """The whole image as one object, so that scikit-image's matrix of the image is its own."""
    grey = np.random.default_rng(1).integers(0, GREY_LEVELS, (30, 40)).astype(np.uint8)
    grey[0] = GREY_LEVELS  # the brightest of all belongs to the last level
    limits = np.array([0.0]), np.array([float(GREY_LEVELS)])
    row = measure(grey[np.newaxis], np.ones((30, 40), np.int32), ["a"], limits=limits).iloc[0]
    seen = np.minimum(grey, GREY_LEVELS - 1)
    pairs = sum(
        _pairs(seen, scale * dy, scale * dx) for dy, dx in ((0, 1), (1, 1), (1, 0), (1, -1))
    )
    share = (pairs / pairs.sum())[..., None, None]
    start = "Cells_Texture_"
    for name, theirs in {
        "Contrast": graycoprops(share, "contrast"),
        "AngularSecondMoment": graycoprops(share, "ASM"),
        "InverseDifferenceMoment": graycoprops(share, "homogeneity"),
        "Correlation": graycoprops(share, "correlation"),
        "Variance": graycoprops(share, "variance"),
        "Entropy": graycoprops(share, "entropy") / np.log(2),
    }.items():
        assert row[f"{start}{name}_a_{scale}_pooled_16"] == pytest.approx(
            theirs.item(), rel=1e-4
        ), name


def _pairs(grey: np.ndarray, dy: int, dx: int) -> np.ndarray:
    """Count pairs of grey levels one by one."""
    counts = np.zeros((GREY_LEVELS, GREY_LEVELS))
    height, width = grey.shape
    for y in range(height - dy):
        for x in range(max(0, -dx), width - max(0, dx)):
            a, b = grey[y, x], grey[y + dy, x + dx]
            counts[a, b] += 1
            counts[b, a] += 1
    return counts


def test_texture_does_not_look_beyond_an_object():
    rng = np.random.default_rng(0)
    labels = np.zeros((20, 40), np.int32)
    labels[4:16, 4:16], labels[4:16, 16:28] = 1, 2
    one = rng.integers(0, 4000, (1, 20, 40)).astype(np.uint16)
    other = one.copy()
    other[0, 4:16, 16:28] = np.random.default_rng(1).permutation(other[0, 4:16, 16:28])
    other[0, :, 30:] = 60_000  # debris
    limits = np.array([0.0]), np.array([4000.0])
    first, second = (measure(image, labels, ["a"], limits=limits) for image in (one, other))
    pd.testing.assert_series_equal(first.iloc[0], second.iloc[0])
    texture = first.filter(like="Texture").columns
    assert not np.allclose(first.loc[1, texture], second.loc[1, texture])


def test_even_objects_have_an_even_texture():
    labels = np.zeros((20, 20), np.int32)
    labels[3:9, 3:9] = 1
    row = measure(np.full((1, 20, 20), 7, np.uint16), labels, ["a"]).iloc[0]
    assert (
        row["Cells_Texture_Contrast_a_1_pooled_16"]
        == row["Cells_Texture_Entropy_a_1_pooled_16"]
        == 0
    )
    assert row["Cells_Texture_Correlation_a_1_pooled_16"] == 1


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6))
def test_neighbours_are_those_within_reach(seed):
    image, labels = blobs(seed, 60, 70)
    table = measure(image, labels, CHANNELS, texture_scales=())
    assume(labels.max() > 2)
    places = [np.argwhere(labels == number) for number in table["ObjectNumber"]]
    gaps = np.array([[cdist(a, b).min() for b in places] for a in places])
    within = ((gaps <= 5) & (gaps > 0)).sum(axis=1)
    np.testing.assert_array_equal(table["Cells_Neighbors_NumberOfNeighbors_5"], within)
    centres = np.array([place.mean(axis=0) for place in places])
    nearest = np.sort(cdist(centres, centres), axis=1)
    for name, rank in (("First", 1), ("Second", 2)):
        np.testing.assert_allclose(
            table[f"Cells_Neighbors_{name}ClosestDistance_5"], nearest[:, rank], rtol=1e-4
        )


def test_a_lonely_object_has_no_distance_to_others():
    row = measure(IMAGE, (LABELS == 1).astype(np.int32), CHANNELS).iloc[0]
    assert row["Cells_Neighbors_NumberOfNeighbors_5"] == 0
    assert np.isnan(row["Cells_Neighbors_FirstClosestDistance_5"])


def test_no_objects_give_no_rows_but_all_columns():
    table = measure(IMAGE, np.zeros_like(LABELS), CHANNELS, "Nuclei")
    assert len(table) == 0
    pd.testing.assert_series_equal(table.dtypes, TABLE.dtypes)


def test_objects_of_one_pixel_are_measured():
    labels = np.zeros((8, 8), np.int32)
    labels[3, 3], labels[0, 7] = 1, 2
    table = measure(IMAGE[:, :8, :8], labels, CHANNELS)
    assert (table["Cells_AreaShape_Area"] == 1).all()
    assert np.isnan(table["Cells_Texture_Contrast_DNA_1_pooled_16"]).all()
    assert np.isfinite(table["Cells_AreaShape_Solidity"]).all()


def test_columns_are_named_as_in_cellprofiler_but_for_textures():
    for name in (
        "Nuclei_AreaShape_Area", "Nuclei_AreaShape_FormFactor", "Nuclei_Location_Center_X",
        "Nuclei_Intensity_MeanIntensity_DNA", "Nuclei_Texture_Contrast_actin_3_pooled_16",
        "Nuclei_Neighbors_NumberOfNeighbors_5",
    ):  # fmt: skip
        assert TABLE[name].dtype == np.float32
    assert TABLE["ObjectNumber"].tolist() == list(range(1, LABELS.max() + 1))


# --- Crops ---------------------------------------------------------------------------------------
