"""Options of units."""

import pytest
from pydantic import ValidationError

from moascope.preprocessing.options import Units


def test_cells_and_tiles_exclude_each_other():
    assert Units(cells={}).cells.crop == 64
    with pytest.raises(ValidationError, match="cells and tiles exclude each other"):
        Units(cells={}, tiles=(2, 2))


@pytest.mark.parametrize("tiles", [(0, 1), (1, 65)])
def test_the_number_of_tiles_is_limited(tiles):
    with pytest.raises(ValidationError, match="tiles must be between 1 and 64"):
        Units(tiles=tiles)
