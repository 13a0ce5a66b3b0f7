"""Functions named in text."""

import subprocess
import sys

import pytest

from moascope.core.named_functions import load_function, module_of
from moascope.segmentation.engines.registry import METHODS


def test_a_function_is_found_by_its_name():
    assert load_function("os.path:join") is __import__("os").path.join
    assert module_of("os.path:join") == "os.path"


def test_a_function_that_is_not_there_is_an_error():
    with pytest.raises(AttributeError, match="joined"):
        load_function("os.path:joined")
    with pytest.raises(ModuleNotFoundError):
        load_function("os.way:join")


def test_a_name_loads_nothing_until_it_is_asked_for():
    code = (
        "import sys; from moascope.core.named_functions import load_function; "
        "assert 'colorsys' not in sys.modules; "
        "assert load_function('colorsys:rgb_to_hsv')(0, 0, 1)[2] == 1"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_modules_that_methods_name_exist(repository):
    for method in METHODS:
        for name in (method.load, method.measure, method.train, method.tune, method.sees_gpu):
            if name is not None:
                path = repository / "workflow" / module_of(name).replace(".", "/")
                assert f"def {name.partition(':')[2]}(" in path.with_suffix(".py").read_text()
