"""Numbers within names are compared by value."""

import random

from moascope.core.text.natural_order import natural_key


def test_numbers_count_as_numbers():
    names = ["Week1", "Week2", "Week10", "s1_2", "s1_10", "s2"]
    shuffled = random.Random(0).sample(names, len(names))
    assert sorted(shuffled, key=natural_key) == names


def test_numbers_come_before_letters_and_equal_values_keep_one_order():
    assert sorted(["a", "2", "02", "10"], key=natural_key) == ["02", "2", "10", "a"]
