import numpy as np
import pytest

from moascope.classification import features, streaming
from moascope.core.errors import InputError
from moascope.networks import backbones
from moascope.networks.registry import ChannelMapping

CHANNELS = ["a", "b", "c"]


@pytest.fixture(scope="module")
def model():
    mapping = ChannelMapping("rgb", CHANNELS)
    return backbones.build(
        "efficientnet-lite0",
        "imagenet",
        None,
        CHANNELS,
        mapping,
        ["block2_add"],
        unit_shape=(32, 32),
    )


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    paths = []
    for i, n in enumerate([5, 1, 7]):
        paths.append(tmp_path / f"plate{i}.npy")
        np.save(paths[-1], rng.random((n, 32, 32, 3)).astype("float16"))
    return paths


def _stacked(files):
    return np.concatenate([np.load(path) for path in files]).astype("float32")


def test_features_are_those_of_the_model_in_row_order(model, files, tmp_path):
    shape = features.extract(model, files, None, tmp_path / "f.npy")
    written = np.load(tmp_path / "f.npy")
    assert shape == written.shape == (13, 24)
    assert written.dtype == np.float32
    expected = model.predict_on_batch(_stacked(files))
    np.testing.assert_allclose(written, expected, rtol=1e-4, atol=1e-4)


def test_rows_can_be_chosen(model, files, tmp_path):
    rows = [np.array([4, 0]), np.array([], int), None]
    features.extract(model, files, rows, tmp_path / "some.npy")
    features.extract(model, files, None, tmp_path / "all.npy")
    everything = np.load(tmp_path / "all.npy")
    np.testing.assert_allclose(
        np.load(tmp_path / "some.npy"), everything[[4, 0, 6, 7, 8, 9, 10, 11, 12]], atol=1e-4
    )


def test_eight_views_are_the_symmetries_of_the_square(model):
    x = np.random.default_rng(1).random((2, 32, 32, 3), dtype="float32")
    turns = [np.rot90(x, k, axes=(1, 2)) for k in range(4)]
    views = turns + [turn[:, :, ::-1] for turn in turns]
    expected = np.mean([model.predict_on_batch(view) for view in views], axis=0)
    averaged = features.with_views(model, 8).predict_on_batch(x)
    np.testing.assert_allclose(averaged, expected, rtol=1e-4, atol=1e-4)


def test_eight_views_do_not_depend_on_how_the_slide_lay(model, files, tmp_path):
    turned = tmp_path / "turned.npy"
    np.save(turned, np.rot90(np.load(files[0]), axes=(1, 2)))
    features.extract(model, [files[0]], None, tmp_path / "a.npy", views=8)
    features.extract(model, [turned], None, tmp_path / "b.npy", views=8)
    np.testing.assert_allclose(
        np.load(tmp_path / "a.npy"), np.load(tmp_path / "b.npy"), rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("views", [1, 4, 8])
def test_views_run_one_at_a_time_give_the_features_of_the_saved_model(
    model, files, tmp_path, views
):
    features.extract(model, files, None, tmp_path / "f.npy", views=views)
    expected = features.with_views(model, views).predict_on_batch(_stacked(files))
    np.testing.assert_allclose(np.load(tmp_path / "f.npy"), expected, rtol=1e-6, atol=1e-6)


def test_no_call_of_a_network_exceeds_its_pixels(model, files, tmp_path, monkeypatch):
    shapes, predict = [], streaming.predict

    def noted(model, batch):
        shapes.append(batch.shape)
        return predict(model, batch)

    monkeypatch.setattr(features, "predict", noted)
    monkeypatch.setattr(streaming, "_PIXELS_PER_CALL", {"cpu": 4 * 32 * 32, "gpu": 4 * 32 * 32})
    features.extract(model, files, None, tmp_path / "f.npy", views=8)
    assert set(shapes) == {(4, 32, 32, 3)}
    assert len(shapes) == 8 * 4  # 13 units


def test_no_unit_gives_an_empty_table(model, files, tmp_path):
    rows = [np.array([], int)] * 3
    assert features.extract(model, files, rows, tmp_path / "f.npy") == (0, 24)
    assert np.load(tmp_path / "f.npy").shape == (0, 24)


def test_units_of_another_shape_are_an_error(model, files, tmp_path):
    np.save(files[1], np.zeros((1, 32, 32, 4), "float16"))
    with pytest.raises(InputError, match=r"plate1.npy holds units of \(32, 32, 4\)"):
        features.extract(model, files, None, tmp_path / "f.npy")
    assert not (tmp_path / "f.npy").exists()


def test_plates_of_different_size_are_an_error_that_names_the_key(model, files, tmp_path):
    np.save(files[1], np.zeros((1, 48, 32, 3), "float16"))
    message = r"plates differ in size.*plate1\.npy holds units of \(48, 32, 3\).*Set units\.size"
    with pytest.raises(InputError, match=message):
        features.extract(model, files, None, tmp_path / "f.npy")


def test_another_number_of_views_is_an_error(model):
    with pytest.raises(InputError, match="views: 3 is none of 1, 4, 8"):
        features.with_views(model, 3)


def test_eight_views_need_square_units(files, tmp_path):
    mapping = ChannelMapping("rgb", CHANNELS)
    open_size = backbones.build(
        "efficientnet-lite0", "none", None, CHANNELS, mapping, ["stem_relu"]
    )
    np.save(files[0], np.zeros((2, 32, 48, 3), "float16"))
    with pytest.raises(InputError, match="8 views need square units, and these are 32 x 48 px"):
        features.extract(open_size, [files[0]], None, tmp_path / "f.npy", views=8)
    assert features.extract(open_size, [files[0]], None, tmp_path / "f.npy", views=4) == (2, 32)
