"""Descriptions of sizes have the keys that their types name."""

import pandas as pd

from moascope.images import sizes
from moascope.images.size_documents import FrequentSize, SizeSummary


def test_a_description_has_no_other_keys():
    table = pd.DataFrame({"plate": "P1", "height": [40, 50, 50], "width": [60, 60, 60]})
    found = sizes.describe(table, "crop", (40, 60))
    assert set(found) == set(SizeSummary.__annotations__)
    assert all(set(each) == set(FrequentSize.__annotations__) for each in found["frequent"])
