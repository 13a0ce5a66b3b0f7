"""IDX files: read as they are described, and refused with the reason where they are not whole."""

import gzip

import numpy as np
import pytest
from idx_digits import idx_bytes, write_set

from moascope.core.errors import InputError
from moascope.screen.idx_files import find_pairs, is_idx, read_array, read_shape, write_array

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


@pytest.mark.parametrize("compress", [False, True])
def test_arrays_are_read_plain_and_gzipped(tmp_path, compress):
    path = tmp_path / f"train-images-idx3-ubyte{'.gz' if compress else ''}"
    content = idx_bytes(IMAGES)
    path.write_bytes(gzip.compress(content) if compress else content)
    assert read_shape(path) == (2, 3, 4)
    np.testing.assert_array_equal(read_array(path), IMAGES)


def test_what_is_written_is_read_again(tmp_path):
    write_array(IMAGES, tmp_path / "a-images-idx3-ubyte.gz")
    np.testing.assert_array_equal(read_array(tmp_path / "a-images-idx3-ubyte.gz"), IMAGES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with nothing"),
        (b"\x89PNG....", "no IDX file"),
        (b"\0\0\x08", "no IDX file"),
        (idx_bytes(IMAGES, code=13), "float32; unsigned bytes"),
        (idx_bytes(IMAGES[0, 0]), "array of 1 axes; a file of images has 3"),
        (idx_bytes(IMAGES)[:9], "cut off within its header"),
        (idx_bytes(IMAGES)[:-1], "declares 24 bytes of images, but 23 follow"),
        (idx_bytes(IMAGES) + b"\0", "declares 24 bytes of images, but more follow"),
        (gzip.compress(idx_bytes(IMAGES), mtime=0)[:-9], "damaged or truncated gzip"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "declares"),
    ],
)
def test_files_that_are_not_whole_are_refused(tmp_path, content, message):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_array(path)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_shape(tmp_path / "train-images-idx3-ubyte")


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "t10k-images.idx3-ubyte.gz"])
def test_names_of_files_of_images_are_known(name):
    assert is_idx(f"/data/{name}")
    assert not is_idx(f"/data/{name}".replace("images", "labels"))
    assert not is_idx("/data/train-images.tif")


def test_pairs_are_found_by_the_name_of_their_set(tmp_path):
    write_set(tmp_path, "train", 3)
    write_set(tmp_path, "t10k", 2, compress=True)
    (tmp_path / "readme.txt").write_text("x")
    pairs = find_pairs(tmp_path)
    assert list(pairs) == ["t10k", "train"]
    assert [path.name for path in pairs["t10k"]] == [
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
    ]


def test_lone_and_double_files_are_refused_all_at_once(tmp_path):
    write_set(tmp_path, "train", 3)
    write_set(tmp_path, "train", 3, compress=True)
    write_set(tmp_path, "t10k", 3)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(InputError) as error:
        find_pairs(tmp_path)
    assert "'train' has 2 files of images" in str(error.value)
    assert "'t10k' has no file of labels" in str(error.value)


def test_folders_without_images_are_refused(tmp_path):
    with pytest.raises(InputError, match="holds no IDX file"):
        find_pairs(tmp_path)
    with pytest.raises(InputError, match="cannot be listed"):
        find_pairs(tmp_path / "absent")
