"""The heart: left ventricle, papillary muscles, right ventricle and the fat around them.

Everything is a radius over angle and depth, seen from the long axis of the left ventricle. Angles
are in radians in the usual short-axis view: 0 lateral (image right), pi/2 anterior (image top), pi
septal (image left). Depth runs from the base (0 mm) to the apex. Sizes are general knowledge.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

ENDO_POWER = 2.3
"""Taper of the ventricle: radius = r0 (1 - (depth / length)^p)^(1/2)."""


@dataclass(frozen=True)
class Waves:
    """Smooth irregularity: a sum of cosines over the angle that turn with depth.

    Args:
        waves: (harmonic, amplitude, phase in rad, turn from base to apex in rad) each.
    """

    waves: tuple[tuple[int, float, float, float], ...]

    def at(
        self, angles: Float32[np.ndarray, "angle"], depth: Float32[np.ndarray, "layer 1"]
    ) -> Float32[np.ndarray, "layer angle"]:
        """The sum at each depth (as a share of the length) and angle."""
        total = np.zeros((len(depth), len(angles)), np.float32)
        for harmonic, amplitude, phase, turn in self.waves:
            total += amplitude * np.cos(harmonic * angles + phase + turn * depth)
        return total


@dataclass(frozen=True)
class Papillary:
    """One papillary muscle: a rod along the wall, between two depths given as shares."""

    angle_rad: float
    radius_mm: float
    start_share: float
    stop_share: float


@dataclass(frozen=True)
class Outflow:
    """The gap in the basal ring where the blood leaves; it narrows down to ``depth_mm``."""

    angle_rad: float
    half_width_rad: float
    depth_mm: float


@dataclass(frozen=True)
class RightVentricle:
    """The crescent between its anterior and its inferior insertion point.

    Args:
        anterior_rad, inferior_rad: angles of the insertion points; they hold at every depth.
        width_mm: greatest distance of its outer border from the left ventricle, at the base.
        length_share: its length as a share of the left ventricle's.
        skew: above 1, it bulges towards the inferior side.
        wall_mm: its wall.
    """

    anterior_rad: float
    inferior_rad: float
    width_mm: float
    length_share: float
    skew: float
    wall_mm: float


@dataclass(frozen=True)
class Heart:
    """A drawn heart.

    Args:
        length_mm: cavity of the left ventricle from base to apex.
        radius_mm: its radius at the base.
        wall_mm, apical_wall_mm: wall at the base and at the tip.
        fat_mm: thickest epicardial fat.
        drift_yx_mm: how far the axis leaves the vertical between base and apex.
    """

    length_mm: float
    radius_mm: float
    wall_mm: float
    apical_wall_mm: float
    fat_mm: float
    drift_yx_mm: tuple[float, float]
    cavity_waves: Waves
    wall_waves: Waves
    fat_waves: Waves
    papillaries: tuple[Papillary, Papillary]
    outflow: Outflow
    right: RightVentricle

    def share(self, depth_mm: Float32[np.ndarray, "layer"]) -> Float32[np.ndarray, "layer 1"]:
        """Depth as a share of the cavity's length."""
        return depth_mm[:, None] / np.float32(self.length_mm)


@dataclass(frozen=True)
class Borders:
    """A heart's borders: distance from the axis in mm, for each depth (layer) and angle.

    ``gap`` is True at the outflow tract. Where the right ventricle has ended, ``right_mm`` and
    ``right_wall_mm`` equal ``outer_mm``, the outside of the left ventricle's wall.
    """

    inner_mm: Float32[np.ndarray, "layer angle"]
    outer_mm: Float32[np.ndarray, "layer angle"]
    right_mm: Float32[np.ndarray, "layer angle"]
    right_wall_mm: Float32[np.ndarray, "layer angle"]
    fat_mm: Float32[np.ndarray, "layer angle"]
    gap: Bool[np.ndarray, "layer angle"]


def draw_heart(rng: np.random.Generator, is_dilated: bool) -> Heart:
    """Draw a heart; ``is_dilated`` makes the cavity about a sixth wider, as after an infarct."""
    turn = rng.normal(0, np.radians(12))
    anterior = turn + np.radians(rng.uniform(112, 132))
    inferior = turn + np.radians(rng.uniform(228, 248))
    wall = rng.uniform(7, 12)
    return Heart(
        length_mm=rng.uniform(70, 95),
        radius_mm=rng.uniform(22.5, 28) * (rng.uniform(1.05, 1.25) if is_dilated else 1.0),
        wall_mm=wall,
        apical_wall_mm=wall * rng.uniform(0.5, 0.7),
        fat_mm=rng.uniform(0, 6),
        drift_yx_mm=(rng.normal(0, 3), rng.normal(0, 3)),
        cavity_waves=_draw_waves(rng, {2: 0.055, 3: 0.025, 5: 0.015, 8: 0.01, 13: 0.01, 19: 0.007}),
        wall_waves=_draw_waves(rng, {1: 0.08, 2: 0.06, 4: 0.03}),
        fat_waves=_draw_waves(rng, {1: 0.25, 2: 0.25, 3: 0.2, 6: 0.1}),
        papillaries=(
            _draw_papillary(rng, turn + np.radians(rng.uniform(25, 60))),
            _draw_papillary(rng, turn + np.radians(rng.uniform(260, 300))),
        ),
        outflow=Outflow(
            angle_rad=anterior + np.radians(rng.uniform(15, 30)),
            half_width_rad=np.radians(rng.uniform(20, 40)),
            depth_mm=rng.uniform(6, 15),
        ),
        right=RightVentricle(
            anterior_rad=anterior,
            inferior_rad=inferior,
            width_mm=rng.uniform(20, 34),
            length_share=rng.uniform(0.8, 0.95),
            skew=rng.uniform(0.95, 1.6),
            wall_mm=rng.uniform(2.5, 4),
        ),
    )


def borders(
    heart: Heart,
    depth_mm: Float32[np.ndarray, "layer"],
    angles: Float32[np.ndarray, "angle"],
) -> Borders:
    """The borders of ``heart`` at each depth and angle."""
    share = heart.share(depth_mm)
    inner, outer = _left_ventricle(heart, share, angles)
    along = _along_right_wall(heart.right, angles)
    right, right_wall = _right_ventricle(heart.right, outer, share, along)
    return Borders(
        inner_mm=inner,
        outer_mm=outer,
        right_mm=right,
        right_wall_mm=right_wall,
        fat_mm=right_wall + _fat_mm(heart, share, angles, along),
        gap=_gap(heart.outflow, depth_mm, angles),
    )


def angle_between(
    angles: Float32[np.ndarray, "angle"], centre_rad: float
) -> Float32[np.ndarray, "angle"]:
    """Signed distance of each angle from ``centre_rad``, -pi to pi."""
    return (np.mod(angles - centre_rad + np.pi, 2 * np.pi) - np.pi).astype(np.float32)


def outer_radius_mm(heart: Heart, depth_mm: float, angle_rad: float) -> float:
    """Outside of the left ventricle's wall at one depth and angle."""
    angle = np.array([angle_rad], np.float32)
    depth = np.array([depth_mm], np.float32)
    return float(_left_ventricle(heart, heart.share(depth), angle)[1][0, 0])


def _left_ventricle(
    heart: Heart, share: Float32[np.ndarray, "layer 1"], angles: Float32[np.ndarray, "angle"]
) -> tuple[Float32[np.ndarray, "layer angle"], Float32[np.ndarray, "layer angle"]]:
    """Inside and outside of the wall: two blunt cones, the outer one longer and wider."""
    outer_share = share * heart.length_mm / (heart.length_mm + heart.apical_wall_mm)
    inner = heart.radius_mm * _taper(share)
    outer = (heart.radius_mm + heart.wall_mm) * _taper(outer_share)
    shape = 1 + heart.cavity_waves.at(angles, share)
    wall = (outer - inner) * (1 + heart.wall_waves.at(angles, share))
    return inner * shape, inner * shape + wall


def _taper(share: Float32[np.ndarray, "layer 1"]) -> Float32[np.ndarray, "layer 1"]:
    taper: Float32[np.ndarray, "layer 1"]
    taper = np.sqrt(np.clip(1 - np.abs(share) ** np.float32(ENDO_POWER), 0, 1))
    return taper


def _along_right_wall(
    right: RightVentricle, angles: Float32[np.ndarray, "angle"]
) -> Float32[np.ndarray, "angle"]:
    """0 at the anterior insertion point, 1 at the inferior one, clipped outside."""
    span = right.inferior_rad - right.anterior_rad
    middle = right.anterior_rad + span / 2
    along: Float32[np.ndarray, "angle"]
    along = np.clip(0.5 + angle_between(angles, middle) / np.float32(span), 0, 1)
    return along


def _right_ventricle(
    right: RightVentricle,
    outer: Float32[np.ndarray, "layer angle"],
    share: Float32[np.ndarray, "layer 1"],
    along: Float32[np.ndarray, "angle"],
) -> tuple[Float32[np.ndarray, "layer angle"], Float32[np.ndarray, "layer angle"]]:
    """Outer border of the cavity, and of its wall."""
    bulge = np.clip(np.sin(np.pi * along ** np.float32(right.skew)), 0, 1) ** np.float32(0.65)
    cavity = right.width_mm * _taper(share / right.length_share) * bulge
    wall = right.wall_mm * np.clip(cavity / 5, 0, 1)
    return outer + cavity, outer + cavity + wall


def _fat_mm(
    heart: Heart,
    share: Float32[np.ndarray, "layer 1"],
    angles: Float32[np.ndarray, "angle"],
    along: Float32[np.ndarray, "angle"],
) -> Float32[np.ndarray, "layer angle"]:
    """Thickness of the fat: uneven, thickest over the grooves at the insertion points."""
    grooves = np.exp(-(((along - 0.07) / 0.1) ** 2)) + np.exp(-(((along - 0.93) / 0.1) ** 2))
    inside = (along > 0) & (along < 1)
    relative = 0.3 + heart.fat_waves.at(angles, share) + np.where(inside, 0.35 + grooves, 0)
    return (heart.fat_mm * np.clip(relative, 0, 1)).astype(np.float32)


def _gap(
    outflow: Outflow, depth_mm: Float32[np.ndarray, "layer"], angles: Float32[np.ndarray, "angle"]
) -> Bool[np.ndarray, "layer angle"]:
    open_share = np.sqrt(np.clip(1 - depth_mm / outflow.depth_mm, 0, 1))[:, None]
    away_rad = np.abs(angle_between(angles, outflow.angle_rad))
    gap: Bool[np.ndarray, "layer angle"] = away_rad < outflow.half_width_rad * open_share
    return gap


def _draw_waves(rng: np.random.Generator, sizes: dict[int, float]) -> Waves:
    """Draw one wave per harmonic, its amplitude normal with the given spread."""
    return Waves(
        tuple(
            (harmonic, rng.normal(0, spread), rng.uniform(0, 2 * np.pi), rng.normal(0, 1.5))
            for harmonic, spread in sizes.items()
        )
    )


def _draw_papillary(rng: np.random.Generator, angle_rad: float) -> Papillary:
    return Papillary(angle_rad, rng.uniform(3, 5.5), rng.uniform(0.2, 0.4), rng.uniform(0.62, 0.78))
