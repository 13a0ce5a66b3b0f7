"""Options of simulated screens."""

import pytest
from raw_configs import MINIMAL, problems


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"doses": 5, "controls_per_plate": 18}, "simulate: 108 wells do not fit on a plate of 96"),
        (
            {"mechanisms": 1, "compounds": 1, "doses": 1, "controls_per_plate": 1},
            "simulate: bad_wells_per_plate (3) must not exceed the 2 wells in use",
        ),
        ({"plates": 2, "batches": 3}, "simulate: batches (3) must not exceed plates (2)"),
        ({"doses": 0}, "simulate.doses: write a number of at least 1; got 0"),
        ({"plate": 4}, "simulate.plate: unknown key 'plate'; did you mean 'plates'?"),
    ],
)
def test_a_screen_that_cannot_be_simulated_is_refused(section, message):
    assert message in problems({**MINIMAL, "simulate": section})
