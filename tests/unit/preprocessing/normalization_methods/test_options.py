"""Options of normalization."""

import pytest
from control_plates import (
    step,
)
from pydantic import ValidationError

from moascope.preprocessing.normalization_methods.options import Normalization, NormalizationStep


def test_statistics_of_the_whole_plate_are_refused_and_the_fix_is_named():
    with pytest.raises(ValidationError, match=r"steps\[0\].*treated_wells_in_statistics: true"):
        Normalization(steps=[step("zscore", "plate")])


def test_unknown_methods_and_scopes_are_refused():
    with pytest.raises(ValidationError, match="Input should be 'percentile', 'zscore', 'anscombe'"):
        NormalizationStep(method="median")
    with pytest.raises(ValidationError, match="scope"):
        NormalizationStep(method="zscore", scope="well")
