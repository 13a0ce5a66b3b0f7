"""Keys of input formats."""

import pytest

from moascope.screen.formats.base import FORMAT_KEYS
from moascope.screen.formats.registry import FORMATS
from moascope.screen.options import Input


@pytest.mark.parametrize("name", FORMATS)
def test_formats_require_only_keys_that_have_an_effect(name):
    entry = FORMATS[name]
    keys = set(entry.required_keys)
    assert keys <= set(Input.model_fields)
    assert keys & set(FORMAT_KEYS) <= set(entry.used_keys)
    assert set(entry.used_keys) <= set(FORMAT_KEYS)
