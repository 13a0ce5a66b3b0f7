"""Named choices are found, or the nearest is suggested."""

from types import SimpleNamespace

import pytest

from moascope.core.errors import InputError
from moascope.core.registry import find_named

CHOICES = [SimpleNamespace(name="first"), SimpleNamespace(name="second")]


def test_a_choice_is_found_by_its_name():
    assert find_named("second", CHOICES, key="a.b", kind="choice") is CHOICES[1]


def test_an_unknown_name_is_refused_with_the_nearest():
    message = "a.b: unknown choice 'secnd'; did you mean 'second'?"
    with pytest.raises(InputError) as caught:
        find_named("secnd", CHOICES, key="a.b", kind="choice")
    assert str(caught.value) == message
