"""Packages that the environment of the workflow may lack."""

from importlib import metadata

import pytest

from moascope.segmentation.engines import optional_packages
from moascope.segmentation.engines.registry import METHODS


def test_what_is_installed_is_not_missing():
    assert optional_packages.missing(["numpy", "scikit-image"]) == []


def test_what_is_missing_comes_in_the_order_given():
    names = ["moascope-no-such-package", "numpy", "another-no-such-package"]
    assert optional_packages.missing(names) == [names[0], names[2]]


def test_names_are_those_of_distributions_and_not_of_modules():
    assert metadata.version("scikit-image")
    assert optional_packages.missing(["skimage"]) == ["skimage"]


@pytest.mark.parametrize(
    "name",
    [*optional_packages.EXPORT, *(name for method in METHODS for name in method.packages)],
)
def test_optional_packages_are_named_in_an_environment(name, repository):
    files = [*(repository / "envs").glob("*.yaml"), repository / "pyproject.toml"]
    assert any(f"{name}==" in file.read_text() for file in files), name
