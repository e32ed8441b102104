"""Infarcts, and the patterns of fibrosis that are no infarct.

A scar is given by the shares of the wall's thickness between which it lies, over depth and angle: 0
is the endocardium, 1 the epicardium. An infarct starts at the endocardium.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float32

from myosweep.data.phantom.anatomy import Heart, Waves, angle_between, borders

Artery = Literal["LAD", "RCA", "LCx"]
Pattern = Literal["mid-wall", "subepicardial", "insertion points"]

ARTERY_SHARES: dict[Artery, float] = {"LAD": 0.45, "RCA": 0.35, "LCx": 0.20}
"""How often an infarct lies in the territory of each artery."""

INFARCT_SHARE, PATTERN_SHARE = 0.65, 0.10
"""Shares of patients with an infarct, and with a non-ischaemic pattern instead."""

NO_REFLOW_SHARE = 0.5
"""Share of infarcts with a no-reflow core."""

_CANDIDATES = 32
_BELOW_ENDOCARDIUM, _ABOVE_EPICARDIUM = -9.0, 9.0


@dataclass(frozen=True)
class Scar:
    """A drawn scar.

    Args:
        kind: the artery of an infarct, or the pattern of a fibrosis that is no infarct.
        angle_rad, width_rad: middle and whole width on the circumference.
        depth_mm, height_mm: middle and whole height along the long axis.
        transmurality: largest share of the wall, 0.25 to 1.
        border_mm: width of the zone in which healthy and scarred tissue mix.
        no_reflow: size of the core without agent, 0 for none, at most 1.
        waves: irregularity of its edge.
    """

    kind: Artery | Pattern
    angle_rad: float
    width_rad: float
    depth_mm: float
    height_mm: float
    transmurality: float
    border_mm: float
    no_reflow: float
    waves: Waves

    @property
    def is_infarct(self) -> bool:
        return self.kind in ARTERY_SHARES


@dataclass(frozen=True)
class ScarShares:
    """Where a scar lies in the wall: shares of its thickness, for each depth and angle.

    The scar is where ``start < share < stop``; the no-reflow core where ``core_start < share <
    core_stop`` as well. ``stop < start`` means that there is none.
    """

    start: Float32[np.ndarray, "layer angle"]
    stop: Float32[np.ndarray, "layer angle"]
    core_start: float
    core_stop: Float32[np.ndarray, "layer angle"]


def draw_scar(rng: np.random.Generator, heart: Heart) -> Scar | None:
    """Draw a patient's scar: an infarct, a non-ischaemic pattern, or none."""
    chance = rng.random()
    if chance < INFARCT_SHARE:
        return draw_infarct(rng, heart)
    if chance < INFARCT_SHARE + PATTERN_SHARE:
        return _draw_pattern(rng, heart)
    return None


def draw_infarct(rng: np.random.Generator, heart: Heart) -> Scar:
    """Draw an infarct whose size has median 17 % of the myocardium and quartiles 10 and 24 %.

    A size is drawn first; of 32 drawn infarcts the one that comes closest to it is taken.
    """
    arteries = tuple(ARTERY_SHARES)
    artery = arteries[rng.choice(len(arteries), p=tuple(ARTERY_SHARES.values()))]
    target = float(np.clip(rng.normal(0.17, 0.104), 0.03, 0.4))
    candidates = [_draw_candidate(rng, heart, artery) for _ in range(_CANDIDATES)]
    sizes = size_shares(heart, candidates)
    nearest = candidates[int(np.argmin([abs(size - target) for size in sizes]))]
    has_core = rng.random() < NO_REFLOW_SHARE
    return replace(nearest, no_reflow=rng.uniform(0.6, 1.0) if has_core else 0.0)


def scar_shares(
    scar: Scar,
    heart: Heart,
    depth_mm: Float32[np.ndarray, "layer"],
    angles: Float32[np.ndarray, "angle"],
) -> ScarShares:
    """Where the scar lies at each depth and angle."""
    distance = _distance(scar, heart, depth_mm, angles)
    extent = scar.transmurality * np.minimum(1, 4 * (1 - distance))
    extent += (0.5 * scar.transmurality * scar.waves.at(angles, heart.share(depth_mm))).astype(
        np.float32
    )
    start, stop = _range_in_wall(scar, extent)
    core = 0.65 * scar.transmurality * scar.no_reflow - 2 * distance
    if not scar.no_reflow:
        core = np.full_like(core, _BELOW_ENDOCARDIUM)
    return ScarShares(start, stop, core_start=0.08, core_stop=core.astype(np.float32))


def size_shares(heart: Heart, scars: Sequence[Scar]) -> list[float]:
    """Volume of each scar as a share of the myocardium's volume, on a coarse grid."""
    depth = np.linspace(0, heart.length_mm, 16, dtype=np.float32)
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False, dtype=np.float32)
    wall = borders(heart, depth, angles)
    thickness = (wall.outer_mm - wall.inner_mm) * ~wall.gap
    whole = (thickness * (wall.inner_mm + wall.outer_mm)).sum()
    sizes = []
    for scar in scars:
        shares = scar_shares(scar, heart, depth, angles)
        start, stop = np.clip(shares.start, 0, 1), np.clip(shares.stop, 0, 1)
        width = np.clip(stop - start, 0, 1) * thickness
        middle = wall.inner_mm + (start + stop) / 2 * thickness
        sizes.append(float((2 * middle * width).sum() / whole))
    return sizes


def _distance(
    scar: Scar,
    heart: Heart,
    depth_mm: Float32[np.ndarray, "layer"],
    angles: Float32[np.ndarray, "angle"],
) -> Float32[np.ndarray, "layer angle"]:
    """0 in the middle of the scar, 1 on its edge, more outside."""
    along = np.abs(depth_mm[:, None] - scar.depth_mm) / (scar.height_mm / 2)
    centres = [scar.angle_rad]
    if scar.kind == "insertion points":
        centres = [heart.right.anterior_rad, heart.right.inferior_rad]
    around = np.min([np.abs(angle_between(angles, centre)) for centre in centres], axis=0)
    distance: Float32[np.ndarray, "layer angle"] = (around / (scar.width_rad / 2)) ** 3 + along**3
    return distance.astype(np.float32)


def _range_in_wall(
    scar: Scar, extent: Float32[np.ndarray, "layer angle"]
) -> tuple[Float32[np.ndarray, "layer angle"], Float32[np.ndarray, "layer angle"]]:
    """Start and stop of a scar that takes the share ``extent`` of the wall (negative: none)."""
    if scar.kind == "mid-wall":
        return 0.5 - extent / 2, 0.5 + extent / 2
    if scar.is_infarct:
        return np.full_like(extent, _BELOW_ENDOCARDIUM), extent
    return 1 - extent, np.full_like(extent, _ABOVE_EPICARDIUM)


def _draw_candidate(rng: np.random.Generator, heart: Heart, artery: Artery) -> Scar:
    anterior, inferior = heart.right.anterior_rad, heart.right.inferior_rad
    middle_rad, depth_share = {
        "LAD": (anterior - np.radians(5), 0.70),
        "RCA": (inferior + np.radians(15), 0.40),
        "LCx": (inferior + np.radians(85), 0.45),
    }[artery]
    return Scar(
        kind=artery,
        angle_rad=middle_rad + rng.normal(0, np.radians(12)),
        width_rad=np.radians(rng.uniform(30, 150)),
        depth_mm=heart.length_mm * rng.normal(depth_share, 0.1),
        height_mm=heart.length_mm * rng.uniform(0.4, 1.8),
        transmurality=rng.uniform(0.25, 1.0),
        border_mm=rng.uniform(1, 3),
        no_reflow=0.0,
        waves=_draw_edge(rng),
    )


def _draw_pattern(rng: np.random.Generator, heart: Heart) -> Scar:
    patterns: tuple[Pattern, ...] = ("mid-wall", "subepicardial", "insertion points")
    pattern = patterns[rng.integers(len(patterns))]
    septum_rad = (heart.right.anterior_rad + heart.right.inferior_rad) / 2
    inferolateral_rad = heart.right.inferior_rad + np.radians(80)
    angle_rad, widest_deg, transmurality = {
        "mid-wall": (septum_rad, 90, 0.3),
        "subepicardial": (inferolateral_rad, 70, 0.4),
        "insertion points": (septum_rad, 35, 0.5),
    }[pattern]
    return Scar(
        kind=pattern,
        angle_rad=angle_rad + rng.normal(0, np.radians(8)),
        width_rad=np.radians(widest_deg * rng.uniform(0.6, 1)),
        depth_mm=heart.length_mm * rng.uniform(0.25, 0.45),
        height_mm=heart.length_mm * rng.uniform(0.4, 0.8),
        transmurality=transmurality * rng.uniform(0.8, 1.2),
        border_mm=rng.uniform(1, 3),
        no_reflow=0.0,
        waves=_draw_edge(rng),
    )


def _draw_edge(rng: np.random.Generator) -> Waves:
    return Waves(
        tuple(
            (harmonic, rng.normal(0, 0.15), rng.uniform(0, 2 * np.pi), rng.normal(0, 3))
            for harmonic in (3, 7, 12)
        )
    )
