"""Options of Cellpose."""

import pytest
from pydantic import ValidationError

from moascope.segmentation.engines.options.cellpose import CellposeOptions


def test_thresholds_are_those_of_cellpose_unless_they_are_set():
    options = CellposeOptions()
    assert options.flow_threshold is options.cellprob_threshold is options.model is None


@pytest.mark.parametrize(
    ("key", "least", "most"), [("flow_threshold", 0, 10), ("cellprob_threshold", -10, 10)]
)
def test_thresholds_are_limited(key, least, most):
    for value in (least, most):
        assert getattr(CellposeOptions(**{key: value}), key) == value
    for value in (least - 0.1, most + 0.1):
        with pytest.raises(ValidationError, match=key):
            CellposeOptions(**{key: value})
