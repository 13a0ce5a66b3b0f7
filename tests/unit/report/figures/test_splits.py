"""Figures of splits."""

import re

from moascope.report.figures import splits


def test_the_word_fold_is_not_cut_where_group_names_are_short():
    svg = splits.split_picture(
        [["train", "test"], ["test", "train"]], ["a", "b"], 2, ["", ""], "alt"
    )
    place = re.search(
        r'<text[^>]*?(?:transform="translate\(([-\d.]+)|x="([-\d.]+)")[^>]*>fold<', svg
    )
    assert place, svg
    # Right-aligned text ends there; it is 18 px wide at 8 pt, in units of 1/72 inch.
    anchor = float(place[1] or place[2])
    assert anchor * 96 / 72 >= 18
