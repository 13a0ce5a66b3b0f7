"""Methods of segmentation as data."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from moascope.segmentation.engines import base

ADVICE = base.SizeAdvice("min_area", "max_area")


def method(**more):
    return base.Method(
        **{
            "name": "dots",
            "options": base.MethodOptions,
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
    assert method(library=library).backend({"keras_backend": "jax"}) == backend
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


@pytest.mark.parametrize("diameter", [None, "auto", 0.5, 30])
def test_a_diameter_is_measured_given_or_unknown(diameter):
    assert base.MethodOptions(diameter=diameter).diameter == diameter


@pytest.mark.parametrize("keys", [{"diameter": 0}, {"diameter": "large"}, {"min_area": 0}])
def test_sizes_are_above_0(keys):
    with pytest.raises(ValidationError, match=next(iter(keys))):
        base.MethodOptions(**keys)


def test_a_path_of_a_model_may_begin_with_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/anna")
    assert base.GivenModel(model="~/unet.keras").model == "/home/anna/unet.keras"


def test_methods_are_read_without_numpy(repository):
    code = (
        "import sys, moascope.segmentation.engines.registry; "
        "sys.exit(bool({'numpy', 'keras', 'torch'} & set(sys.modules)))"
    )
    run = [sys.executable, "-c", code]
    assert subprocess.run(run, cwd=repository / "workflow", check=False).returncode == 0
