"""Methods of segmentation as data."""

import subprocess
import sys

import pytest

from moascope.segmentation.engines import base
from moascope.segmentation.engines.options.base import MethodOptions

ADVICE = base.SizeAdvice("min_area", "max_area")


def method(**more):
    return base.Method(
        **{
            "name": "dots",
            "options": MethodOptions,
            "load": "dots:load",
            "environment": "dots",
            "finding_keys": (),
            "advice": ADVICE,
            **more,
        }
    )


@pytest.mark.parametrize(
    ("library", "backend"),
    [(None, None), ("torch", "torch"), ("tensorflow", "tensorflow"), ("keras", "jax")],
)
def test_only_keras_computes_with_the_backend_of_the_configuration(library, backend):
    assert method(library=library).backend("jax") == backend
    assert method(library=library).is_network() == (library is not None)


@pytest.mark.parametrize(
    ("functions", "is_always_tuned"),
    [
        ({}, False),
        ({"tune": "dots:tune"}, True),
        ({"tune": "dots:tune", "train": "dots:train"}, False),
        ({"train": "dots:train"}, False),
    ],
)
def test_engines_that_learn_nothing_else_are_always_tuned(functions, is_always_tuned):
    assert method(**functions).is_always_tuned() == is_always_tuned


def test_methods_are_read_without_numpy(repository):
    code = (
        "import sys, moascope.segmentation.engines.registry; "
        "sys.exit(bool({'numpy', 'keras', 'torch'} & set(sys.modules)))"
    )
    run = [sys.executable, "-c", code]
    assert subprocess.run(run, cwd=repository / "workflow", check=False).returncode == 0
