"""Words of messages for plates."""

from moascope.core.text.plate_words import plate_words


def test_parts_are_not_called_plates():
    assert plate_words("part-2-of-4") == "Part 2 of 4 of the images"
    assert plate_words("Week1_22123") == "plate Week1_22123"
