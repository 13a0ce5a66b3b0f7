"""Cells of the synthetic screen show their phenotypes."""

import numpy as np
from simulated_fields import CONTROL, WHOLE, drawn, seen, strongest

from moascope.simulation import phenotypes


def nuclear_area(treatment):
    areas = [np.bincount(mask.ravel())[1:] for _, mask, _ in drawn(treatment, 4)]
    return np.median(np.concatenate(areas))


def test_fewer_cells_survive_a_higher_dose():
    doses = [t for t in phenotypes.treatments(WHOLE, seed=0) if t.compound == "PRO-1"]
    control, low, high = (seen(t, 8)["n_cells"] for t in (CONTROL, doses[0], doses[-1]))
    assert control > low > high


def test_eg5_inhibitors_round_cells_up():
    control, treated = seen(CONTROL, 4), seen(strongest("EG5-1"), 4)
    assert control["n_rounded"] < 0.15 * control["n_cells"]
    assert treated["n_rounded"] > 0.35 * treated["n_cells"]


def test_aurora_inhibitors_enlarge_nuclei_and_protein_synthesis_inhibitors_shrink_them():
    control = nuclear_area(CONTROL)
    assert nuclear_area(strongest("AUR-1")) > 1.25 * control
    assert nuclear_area(strongest("PRO-1")) < 0.9 * control


def test_microtubule_drugs_break_up_nuclei():
    def nuclei_per_cell(treatment):
        facts = seen(treatment, 4)
        return facts["n_nuclei"] / facts["n_cells"]

    for compound in ("DES-1", "STA-1"):
        assert nuclei_per_cell(strongest(compound)) > 1.3 * nuclei_per_cell(CONTROL)
