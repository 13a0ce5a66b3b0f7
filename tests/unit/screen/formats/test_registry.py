"""The list of formats."""

from typing import get_args

from moascope.screen.formats.registry import FORMATS
from moascope.screen.options import Input


def test_the_configuration_knows_the_formats():
    assert list(get_args(Input.model_fields["format"].annotation)) == list(FORMATS)
