"""Fields of the synthetic screen, drawn under plain conditions."""

from functools import lru_cache

import numpy as np

from moascope.simulation import phenotypes, screen
from moascope.simulation.camera import Camera, Condition
from moascope.simulation.options import Simulate

WHOLE = Simulate()

CONTROL = phenotypes.Treatment(phenotypes.CONTROL, float("nan"), "", phenotypes.HEALTHY, 0.0)


@lru_cache
def drawn(treatment, n_sites):
    """Draw sites of one treatment under the same plain conditions."""
    gain = np.full(3, 500.0)
    camera = Camera(gain, gain / 10, np.zeros(3), np.full(2, 0.5), 0.7)
    condition = Condition(camera, density=1.0, problem="")
    rng = np.random.default_rng(0)
    return [screen.simulate_site(treatment, condition, 160, rng) for _ in range(n_sites)]


def seen(treatment, n_sites):
    """Sum up the facts of such sites."""
    facts = [site[2] for site in drawn(treatment, n_sites)]
    return {key: sum(f[key] for f in facts) for key in ("n_cells", "n_nuclei", "n_rounded")}


def strongest(compound):
    return next(t for t in reversed(phenotypes.treatments(WHOLE, 0)) if t.compound == compound)
