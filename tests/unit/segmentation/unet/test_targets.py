import keras
import numpy as np
import pytest
from scipy import ndimage

from moascope.core.errors import InputError
from moascope.segmentation.unet import targets as st


@pytest.fixture
def touching():
    """Two squares side by side, and one alone."""
    labels = np.zeros((24, 32), np.int32)
    labels[4:12, 4:12] = 1
    labels[4:12, 12:20] = 2
    labels[16:21, 24:29] = 3
    return labels


def test_a_boundary_is_one_pixel_wide_on_either_side_of_touching_objects(touching):
    classes = st.targets(touching)[..., 0]
    assert classes[8].tolist() == [0] * 4 + [2] + [1] * 6 + [2, 2] + [1] * 6 + [2] + [0] * 12


def test_the_border_of_the_image_is_no_boundary():
    labels = np.zeros((8, 8), np.int32)
    labels[:4] = 1
    edge = st.boundaries(labels)
    assert edge[3].all()
    assert not edge[:3].any()


def test_distances_reach_one_in_every_object_and_are_zero_outside(touching):
    distance = st.distances(touching)
    assert (distance[touching == 0] == 0).all()
    assert [float(distance[touching == i].max()) for i in (1, 2, 3)] == [1, 1, 1]
    # A square of 5 pixels: its middle is 3 px from the outside, its edge 1 px.
    assert distance[18, 24:29] == pytest.approx([1 / 3, 2 / 3, 1, 2 / 3, 1 / 3])


@pytest.mark.parametrize("labels", [np.zeros((6, 7), np.int32), np.ones((6, 7), np.int32)])
def test_no_object_and_one_that_covers_the_image_have_targets(labels):
    classes, distance, weight = np.moveaxis(st.targets(labels), -1, 0)
    assert (classes == labels).all()
    assert (distance == labels).all()
    assert (weight == 1).all()


def test_weights_follow_the_formula_of_the_unet_paper_across_a_gap():
    labels = np.zeros((40, 40), np.int32)
    labels[:, 5:17] = 1
    labels[:, 20:33] = 2
    weight = st.weights(labels, touching_weight=5, gap=3)
    nearest = [ndimage.distance_transform_edt(labels != i) for i in (1, 2)]
    expected = 1 + 5 * np.exp(-((nearest[0] + nearest[1]) ** 2) / (2 * 3**2))
    np.testing.assert_allclose(weight, expected, rtol=1e-4)
    assert weight[:, 17:20].min() > 3


def test_touching_objects_weigh_more_than_those_with_a_gap(touching):
    weight = st.weights(touching)
    assert weight[8, 11] > 5
    assert weight[18, 26] == pytest.approx(1, abs=0.2)
    assert (st.weights(touching, touching_weight=0) == 1).all()


def perfect(labels, outputs):
    """Predictions that are as right as they can be."""
    truth = st.targets(labels)[None]
    logits = 20 * np.eye(3)[truth[..., 0].astype(int)]
    parts = {"classes": [logits], "distance": [truth[..., 1:2]]}
    parts["both"] = parts["classes"] + parts["distance"]
    return truth.astype("float32"), np.concatenate(parts[outputs], axis=-1).astype("float32")


@pytest.mark.parametrize("outputs", st.OUTPUTS)
@pytest.mark.parametrize("name", st.LOSSES)
def test_every_loss_is_about_zero_when_right_and_falls_towards_it(touching, name, outputs):
    truth, right = perfect(touching, outputs)
    wrong = np.zeros_like(right)
    loss = st.loss(outputs, name)
    of = [float(loss(truth, share * right + (1 - share) * wrong)[0]) for share in (0, 0.5, 1)]
    assert of[0] > of[1] > of[2]
    assert of[2] < 0.01
    assert right.shape[-1] == st.n_maps(outputs)


def test_cross_entropy_is_the_weighted_mean_of_the_pixels(touching):
    truth, _ = perfect(touching, "classes")
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(*truth.shape[:3], 3)).astype("float32")
    log = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    of_true = np.take_along_axis(log, truth[..., :1].astype(int), axis=-1)[..., 0]
    expected = -(of_true * truth[..., 2]).sum() / truth[..., 2].sum()
    assert float(st.loss("classes", "cross-entropy")(truth, logits)[0]) == pytest.approx(
        expected, rel=1e-5
    )


def test_losses_are_given_per_image(touching):
    truth, right = perfect(touching, "both")
    both = st.loss("both", "dice")(np.concatenate([truth] * 2), np.concatenate([right, 0 * right]))
    both = keras.ops.convert_to_numpy(both)
    assert both.shape == (2,)
    assert both[0] < both[1]


@pytest.mark.parametrize(("outputs", "name"), [("depth", "dice"), ("both", "hinge")])
def test_unknown_names_are_refused_with_those_there_are(outputs, name):
    with pytest.raises(InputError, match=r"is none of .*(distance|tversky)"):
        st.loss(outputs, name)


def test_losses_are_different_ones_and_the_sum_is_one(touching):
    truth, right = perfect(touching, "classes")
    noise = np.random.default_rng(0).normal(0, 2, right.shape)
    logits = (0.1 * right + noise).astype("float32")
    of = {name: float(st.loss("classes", name)(truth, logits)[0]) for name in st.LOSSES}
    assert of["cross-entropy+dice"] == pytest.approx(of["cross-entropy"] + of["dice"], rel=1e-4)
    assert of["focal"] < of["cross-entropy"]  # what is nearly right counts for less
    assert abs(of["tversky"] - of["dice"]) > 1e-3


def test_tversky_minds_missed_pixels_more_than_invented_ones(touching):
    truth, right = perfect(touching, "classes")
    everything, nothing = right.copy(), right.copy()
    everything[..., :] = np.array([0, 20, 0], "float32")
    nothing[..., :] = np.array([20, 0, 0], "float32")
    cost = [float(st.loss("classes", "tversky")(truth, one)[0]) for one in (nothing, everything)]
    assert cost[0] > cost[1]


@pytest.mark.parametrize("outputs", ["classes", "distance", "both"])
@pytest.mark.parametrize("name", st.LOSSES)
def test_what_is_predicted_for_ignored_pixels_changes_no_loss(touching, name, outputs):
    labels = touching.copy()
    labels[:, labels.shape[1] // 2 :] = -1
    truth = st.targets(labels)[None]
    assert (truth[..., 2] == 0).sum() == (labels < 0).sum()
    rng = np.random.default_rng(0)
    shape = (1, *labels.shape, st.n_maps(outputs))
    first = rng.normal(size=shape).astype("float32")
    other = np.where((labels < 0)[None, ..., None], 9 * rng.normal(size=shape), first)
    values = [float(st.loss(outputs, name)(truth, maps)[0]) for maps in (first, other)]
    assert values[0] == pytest.approx(values[1], rel=1e-5)
    nothing = st.targets(np.full_like(labels, -1))[None]
    assert np.isfinite(float(st.loss(outputs, name)(nothing, first)[0]))
