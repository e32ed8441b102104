"""T1 after contrast agent and the signal of an inversion-recovery sequence.

One concentration of contrast agent drives all tissues: R1 = R1_native + r1 * C_plasma * V, where V
is the share of the tissue's volume that the agent reaches. Tissue values: general knowledge, and
Shen et al. 2015 for the relaxivities in whole blood.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

FIELD_STRENGTHS_T = (1.5, 3.0)

RELAXIVITY_PER_MMOL_S = {
    ("gadobutrol", 1.5): 4.6,
    ("gadobutrol", 3.0): 4.5,
    ("Gd-DOTA", 1.5): 3.9,
    ("Gd-DOTA", 3.0): 3.4,
}
"""r1 in 1/(mmol/l)/s by agent and field strength in tesla."""


@dataclass(frozen=True)
class Tissue:
    """What decides a tissue's signal.

    Args:
        native_t1_ms: T1 without contrast agent, at 1.5 T and at 3 T.
        agent_share: V, the share of the volume that the agent reaches, 0 to 1.
        density: signal strength relative to blood when fully recovered.
    """

    native_t1_ms: tuple[float, float]
    agent_share: float
    density: float = 1.0

    def native_at_ms(self, field_t: float) -> float:
        """T1 without contrast agent at 1.5 or 3 T."""
        return self.native_t1_ms[FIELD_STRENGTHS_T.index(field_t)]


@dataclass(frozen=True)
class ContrastAgent:
    """How much agent is where at the time of imaging.

    Args:
        name: "gadobutrol" or "Gd-DOTA".
        blood_mmol_l: concentration in whole blood, 0.25 to 0.6.
        hematocrit: share of cells in blood, 0.36 to 0.48; the agent stays in the plasma.
    """

    name: str
    blood_mmol_l: float
    hematocrit: float

    @property
    def plasma_mmol_l(self) -> float:
        return self.blood_mmol_l / (1 - self.hematocrit)

    def t1_ms(self, tissue: Tissue, field_t: float) -> float:
        """T1 of ``tissue`` with this agent at ``field_t`` tesla, in ms.

        >>> agent = ContrastAgent("gadobutrol", 0.25, 0.42)
        >>> round(agent.t1_ms(blood(agent.hematocrit), 1.5))
        557
        """
        relaxivity = RELAXIVITY_PER_MMOL_S[self.name, field_t]
        native_rate_per_s = 1000 / tissue.native_at_ms(field_t)
        return 1000 / (native_rate_per_s + relaxivity * self.plasma_mmol_l * tissue.agent_share)


@dataclass(frozen=True)
class Inversion:
    """Timing of the inversion pulse.

    Args:
        ti_ms: from the inversion to the centre of the readout.
        tr_ms: from one inversion to the next: two heartbeats.
        b: how well the pulse inverts; 1 is perfect.
    """

    ti_ms: float
    tr_ms: float
    b: float = 1.0

    def magnetisation(self, t1_ms: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """Signed longitudinal magnetisation at the readout, -1 to 1.

        Mz = 1 - (1 + b) exp(-TI / T1) / (1 + b exp(-TR / T1)).
        """
        recovered = 1 + self.b * np.exp(-self.tr_ms / t1_ms)
        return 1 - (1 + self.b) * np.exp(-self.ti_ms / t1_ms) / recovered


def null_ti_ms(t1_ms: float, tr_ms: float, b: float = 1.0) -> float:
    """The inversion time at which a tissue gives no signal, in ms.

    >>> round(null_ti_ms(659.0, tr_ms=1800.0))
    415
    """
    return float(t1_ms * np.log((1 + b) / (1 + b * np.exp(-tr_ms / t1_ms))))


def blood(hematocrit: float) -> Tissue:
    """Blood: the agent reaches the plasma."""
    return Tissue((1550.0, 1700.0), 1 - hematocrit)


def myocardium(agent_share: float = 0.26) -> Tissue:
    """Healthy myocardium; ``agent_share`` is 0.26 +- 0.03."""
    return Tissue((1000.0, 1200.0), agent_share)


def infarct(agent_share: float = 0.55) -> Tissue:
    """Infarcted myocardium; ``agent_share`` is 0.45 to 0.65."""
    return Tissue((1100.0, 1300.0), agent_share)


def no_reflow(agent_share: float = 0.05) -> Tissue:
    """Infarct core that the agent hardly reaches; ``agent_share`` is 0.03 to 0.15."""
    return Tissue((1100.0, 1300.0), agent_share)


FAT = Tissue((300.0, 380.0), 0.0, density=1.1)
LIVER = Tissue((600.0, 800.0), 0.25, density=0.7)
MUSCLE = Tissue((1000.0, 1400.0), 0.12, density=0.8)
LUNG = Tissue((1200.0, 1300.0), 0.25, density=0.15)
FLUID = Tissue((2500.0, 3000.0), 0.0, density=1.8)
"""Content of the stomach: strong, because its T2 is long."""
AIR = Tissue((1000.0, 1000.0), 0.0, density=0.0)
