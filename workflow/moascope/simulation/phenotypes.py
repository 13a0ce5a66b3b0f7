"""Phenotypes of mechanisms of action, and the treatments of a simulated screen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from moascope.simulation.options import Simulate

CHANNELS = ("DNA", "Actin", "Tubulin")
CONTROL = "DMSO"


@dataclass(frozen=True)
class Phenotype:
    """Traits of a cell; the defaults are those of a healthy cell."""

    size: float = 1.0  # radius of the cell, relative
    elongation: float = 1.25  # long over short axis
    spikes: float = 0.16  # protrusions, as a share of the radius
    round_up: float = 0.03  # chance to be rounded, as in mitosis
    arrest: str = "plate"  # chromatin of a rounded cell: plate, ring or clump
    nucleus: float = 1.0  # radius of the nucleus, relative
    lobing: float = 0.05  # irregularity of the nuclear outline, as a share of the radius
    multinucleate: float = 0.03  # chance to have several nuclei
    pieces: int = 2  # how many nuclei a multinucleate cell has at most
    nucleoli: float = 1.0  # contrast of the dark nucleoli
    fibres: float = 1.0  # contrast of the microtubule network
    bundles: float = 0.0  # share of microtubules in thick bundles
    cortex: float = 1.0  # actin at the cell border
    stress: float = 1.0  # actin stress fibres
    puncta: float = 0.0  # actin in clumps
    protein: float = 1.0  # brightness of actin and tubulin
    loss: float = 0.0  # share of cells lost at full effect
    apoptosis: float = 0.01  # chance to be a cell in fragments


HEALTHY = Phenotype()
MECHANISMS: dict[str, tuple[str, Phenotype]] = {
    "Actin disruptors": (
        "ACT",
        Phenotype(
            size=0.85, spikes=0.42, cortex=0.15, stress=0.05, puncta=1.0, multinucleate=0.25,
            loss=0.35,
        ),
    ),
    "Aurora kinase inhibitors": (
        "AUR",
        Phenotype(
            size=1.35, nucleus=1.55, lobing=0.22, multinucleate=0.35, pieces=3, round_up=0.01,
            loss=0.4,
        ),
    ),
    "Eg5 inhibitors": (
        "EG5",
        Phenotype(size=0.9, round_up=0.75, arrest="ring", spikes=0.25, loss=0.45, apoptosis=0.05),
    ),
    "Microtubule destabilizers": (
        "DES",
        Phenotype(
            size=0.85, round_up=0.45, arrest="clump", fibres=0.05, stress=1.6, multinucleate=0.6,
            pieces=4, lobing=0.15, loss=0.5, apoptosis=0.05,
        ),
    ),
    "Microtubule stabilizers": (
        "STA",
        Phenotype(
            size=1.05, bundles=1.0, multinucleate=0.75, pieces=6, lobing=0.12, nucleus=1.1,
            round_up=0.12, arrest="clump", loss=0.4,
        ),
    ),
    "Protein synthesis": (
        "PRO",
        Phenotype(
            size=0.72, nucleus=0.82, nucleoli=0.0, fibres=0.7, protein=0.5, elongation=1.45,
            spikes=0.3, round_up=0.0, loss=0.55,
        ),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Treatment:
    """A compound at one dose, with its side effects."""

    compound: str
    concentration: float  # uM, NaN for the control
    moa: str
    phenotype: Phenotype
    effect: float  # 0 (none) to about 1 (full), grows with dose
    stain: tuple[float, float, float] = (1.0, 1.0, 1.0)  # side effect on brightness per channel


def treatments(options: Simulate, seed: int = 0) -> list[Treatment]:
    """List the treatments of a simulated screen: mechanisms x compounds x doses.

    Each compound has its own potency, strength, toxicity and side effects on staining and cell
    size, so that a compound never seen in training is a real test of generalisation.

    Parameters
    ----------
    options : Simulate
        The section `simulate` of the configuration.
    seed : int
        Seed of the screen; the same on every plate.

    Returns
    -------
    list of Treatment
        Without the control, in the order of `MECHANISMS`, then compound, then dose.
    """
    listed = []
    chosen = list(MECHANISMS.items())[: options.mechanisms]
    for m, (moa, (prefix, phenotype)) in enumerate(chosen):
        for c in range(options.compounds):
            rng = np.random.default_rng([seed, 1, m, c])
            strength, potency = rng.uniform(0.85, 1.1), 10.0 ** rng.integers(-2, 1)
            stain = np.exp(np.clip(rng.normal(0, 0.35, len(CHANNELS)), -0.5, 0.5))
            own = replace(
                phenotype,
                size=phenotype.size * rng.uniform(0.93, 1.07),
                round_up=min(phenotype.round_up * rng.uniform(0.8, 1.15), 0.95),
                multinucleate=min(phenotype.multinucleate * rng.uniform(0.8, 1.2), 0.95),
                loss=phenotype.loss * rng.uniform(0.3, 1.5),
            )
            for dose, level in enumerate(np.linspace(0.62, 1.0, options.doses)):
                listed.append(
                    Treatment(
                        compound=f"{prefix}-{c + 1}",
                        concentration=float(f"{potency * (1, 3)[dose % 2] * 10 ** (dose // 2):g}"),
                        moa=moa,
                        phenotype=own,
                        effect=float(strength * (level if options.doses > 1 else 1.0)),
                        stain=(float(stain[0]), float(stain[1]), float(stain[2])),
                    )
                )
    return listed
