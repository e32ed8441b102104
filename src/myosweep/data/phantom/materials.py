"""The materials that a simulated chest consists of, and the signal that each of them gives."""

from enum import IntEnum

import numpy as np

from myosweep.data.phantom import physics
from myosweep.data.phantom.physics import ContrastAgent, Inversion, Tissue


class Material(IntEnum):
    """What a simulated point consists of; MIXED_1 to MIXED_3 are the border zone of a scar."""

    OUTSIDE_HEART = 0
    AIR = 1
    LUNG = 2
    FAT = 3
    MUSCLE = 4
    LIVER = 5
    FLUID = 6
    BLOOD = 7
    MYOCARDIUM = 8
    MIXED_1 = 9
    MIXED_2 = 10
    MIXED_3 = 11
    SCAR = 12
    NO_REFLOW = 13


def draw_signals(rng: np.random.Generator, field_t: float, agent_name: str) -> tuple[float, ...]:
    """Draw contrast agent and timing; return the signed signal of each ``Material``.

    One concentration of agent drives all materials. The inversion time is the null of this
    patient's myocardium +- 30 ms, in one of ten +- 80 ms.
    """
    agent = ContrastAgent(agent_name, rng.uniform(0.25, 0.6), rng.uniform(0.36, 0.48))
    wall_share = float(np.clip(rng.normal(0.26, 0.03), 0.18, 0.34))
    scar_share = rng.uniform(0.45, 0.65)
    wall = physics.myocardium(wall_share)
    tr_ms, b = 2 * rng.uniform(700, 1100), rng.uniform(0.9, 1.0)
    wall_null_ms = physics.null_ti_ms(agent.t1_ms(wall, field_t), tr_ms, b)
    spread_ms = 80 if rng.random() < 0.1 else 30
    inversion = Inversion(wall_null_ms + rng.uniform(-spread_ms, spread_ms), tr_ms, b)
    mixed = [wall_share + (scar_share - wall_share) * step / 4 for step in (1, 2, 3)]
    tissues: dict[Material, Tissue] = {
        Material.OUTSIDE_HEART: physics.AIR,
        Material.AIR: physics.AIR,
        Material.LUNG: physics.LUNG,
        Material.FAT: physics.FAT,
        Material.MUSCLE: physics.MUSCLE,
        Material.LIVER: physics.LIVER,
        Material.FLUID: physics.FLUID,
        Material.BLOOD: physics.blood(agent.hematocrit),
        Material.MYOCARDIUM: wall,
        Material.MIXED_1: physics.infarct(mixed[0]),
        Material.MIXED_2: physics.infarct(mixed[1]),
        Material.MIXED_3: physics.infarct(mixed[2]),
        Material.SCAR: physics.infarct(scar_share),
        Material.NO_REFLOW: physics.no_reflow(rng.uniform(0.03, 0.15)),
    }
    t1_ms = np.array([agent.t1_ms(tissues[material], field_t) for material in Material])
    density = np.array([tissues[material].density for material in Material])
    return tuple((inversion.magnetisation(t1_ms) * density).tolist())
