"""Options of quality control."""

import pytest
from pydantic import ValidationError

from moascope.preprocessing.quality_measures.options import Quality


def test_plates_may_go_unjudged():
    assert Quality(min_sharpness=None).min_sharpness is None


@pytest.mark.parametrize("keys", [{"focus_z": 0}, {"max_saturated": 1.1}, {"min_foreground": 1}])
def test_limits_are_limited(keys):
    with pytest.raises(ValidationError, match=next(iter(keys))):
        Quality(**keys)
