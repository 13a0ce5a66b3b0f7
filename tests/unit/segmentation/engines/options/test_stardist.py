"""Options of StarDist."""

import pytest
from pydantic import ValidationError

from moascope.segmentation.engines.options.stardist import StarDistOptions


@pytest.mark.parametrize("keys", [{"n_rays": 2}, {"prob_threshold": 1.1}, {"nms_threshold": -0.1}])
def test_values_are_limited(keys):
    with pytest.raises(ValidationError, match=next(iter(keys))):
        StarDistOptions(**keys)
