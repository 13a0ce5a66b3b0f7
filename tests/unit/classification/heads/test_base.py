"""Parts of every type of head."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from moascope.classification.heads import base


def head_type(**more):
    return base.HeadType("nearest", "the nearest class", base.CalibratedOptions, None, **more)


def test_a_type_that_is_fitted_with_networks_is_a_network():
    assert head_type(environment=base.NETWORKS).is_network
    assert not head_type(environment=base.LEARNING).is_network
    assert not head_type().is_network


def test_classes_have_equal_weights_and_calibration_chooses_itself_by_default():
    options = base.CalibratedOptions(type="nearest")
    assert options.balanced
    assert options.calibrate == "auto"


@pytest.mark.parametrize("how", ["auto", True, False])
def test_calibration_is_automatic_on_or_off(how):
    assert base.CalibratedOptions(type="nearest", calibrate=how).calibrate is how or how == "auto"
    with pytest.raises(ValidationError, match="calibrate"):
        base.CalibratedOptions(type="nearest", calibrate="sometimes")


def test_types_are_read_without_numpy(repository):
    code = "import sys, moascope.classification.heads.base; sys.exit('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=repository / "workflow", check=False)
    assert done.returncode == 0
