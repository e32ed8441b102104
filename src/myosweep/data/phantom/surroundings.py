"""What lies around the heart: lung, liver, stomach, aorta, fat pads and the chest wall.

Positions are in mm from the heart's long axis; see ``shapes``. General knowledge; every border is
a simple curve that a ripple makes uneven.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8

from myosweep.data.phantom.materials import Material
from myosweep.data.phantom.shapes import (
    MAX_VESSEL_MM,
    Ellipse,
    Ripple,
    Vessel,
    paint_ellipse,
    paint_vessels,
)


@dataclass(frozen=True)
class Surroundings:
    """Drawn surroundings of a heart.

    Args:
        chest: inside of the rib cage.
        chest_muscle_mm, chest_fat_mm: thickness of its two layers.
        ribs: fatty marrow in the muscle.
        diaphragm_y_mm: its top under the heart, at the base.
        diaphragm_slope, diaphragm_rise: mm downwards per mm to the right; upwards per mm of depth.
        liver_edge_x_mm: the liver reaches from the left to here.
        stomach, aorta: they may be missing.
        fat_pads: fat beside the right ventricle.
        ripple: makes all borders uneven.
    """

    chest: Ellipse
    chest_muscle_mm: float
    chest_fat_mm: float
    ribs: tuple[Ellipse, ...]
    diaphragm_y_mm: float
    diaphragm_slope: float
    diaphragm_rise: float
    liver_edge_x_mm: float
    stomach: Ellipse | None
    aorta: Ellipse | None
    fat_pads: tuple[Ellipse, ...]
    vessels: tuple[Vessel, ...]
    ripple: Ripple


def draw_surroundings(rng: np.random.Generator, heart_radius_mm: float) -> Surroundings:
    """Draw the surroundings of a heart whose outer radius at the base is given."""
    diaphragm_y_mm = heart_radius_mm + rng.uniform(-5, 8)
    chest = Ellipse(
        y_mm=rng.uniform(10, 25),
        x_mm=rng.uniform(20, 35),
        semi_y_mm=rng.uniform(78, 98),
        semi_x_mm=rng.uniform(92, 115),
        lean=rng.uniform(-0.45, -0.05),
    )
    muscle_mm = rng.uniform(6, 14)
    stomach = Ellipse(
        y_mm=diaphragm_y_mm + rng.uniform(8, 26),
        x_mm=rng.uniform(5, 55),
        semi_y_mm=rng.uniform(12, 22),
        semi_x_mm=rng.uniform(18, 32),
        lean=rng.uniform(-0.6, 0.6),
    )
    aorta = Ellipse(rng.uniform(35, 65), rng.uniform(45, 80), rng.uniform(9, 12), 11.0)
    return Surroundings(
        chest=chest,
        chest_muscle_mm=muscle_mm,
        chest_fat_mm=rng.uniform(4, 28),
        ribs=tuple(_draw_rib(rng, chest, muscle_mm) for _ in range(6)),
        diaphragm_y_mm=diaphragm_y_mm,
        diaphragm_slope=rng.uniform(-0.1, 0.35),
        diaphragm_rise=rng.uniform(0.0, 0.15),
        liver_edge_x_mm=rng.uniform(-25, 45),
        stomach=stomach if rng.random() < 0.75 else None,
        aorta=aorta if rng.random() < 0.4 else None,
        fat_pads=tuple(_draw_fat_pad(rng) for _ in range(rng.integers(1, 5))),
        vessels=tuple(_draw_vessel(rng) for _ in range(120)),
        ripple=_draw_ripple(rng),
    )


def surrounding_materials(
    around: Surroundings,
    depth_mm: float,
    y_mm: Float32[np.ndarray, "y 1"],
    x_mm: Float32[np.ndarray, "1 x"],
) -> UInt8[np.ndarray, "y x"]:
    """The material (``Material``) at each point of the plane at one depth, the heart left out."""
    material = np.full((len(y_mm), x_mm.shape[1]), Material.LUNG, np.uint8)
    ripple_mm = around.ripple.at(depth_mm, y_mm, x_mm)
    paint_vessels(material, around.vessels, depth_mm, y_mm, x_mm)
    if around.aorta is not None:
        paint_ellipse(material, around.aorta, Material.BLOOD, y_mm, x_mm)
    for pad in around.fat_pads:
        paint_ellipse(material, pad, Material.FAT, y_mm, x_mm, ripple_mm)
    _paint_abdomen(material, around, depth_mm, y_mm, x_mm, ripple_mm)
    _paint_chest(material, around, y_mm, x_mm, ripple_mm)
    return material


def _paint_abdomen(
    material: UInt8[np.ndarray, "y x"],
    around: Surroundings,
    depth_mm: float,
    y_mm: Float32[np.ndarray, "y 1"],
    x_mm: Float32[np.ndarray, "1 x"],
    ripple_mm: Float32[np.ndarray, "y x"],
) -> None:
    """Liver to the left, fat and bowel to the right, the stomach in it, under the diaphragm."""
    top_mm = (
        around.diaphragm_y_mm
        + around.diaphragm_slope * x_mm
        + x_mm**2 / 300
        - around.diaphragm_rise * depth_mm
    )
    under_mm = y_mm - top_mm + ripple_mm
    to_liver_mm = x_mm - around.liver_edge_x_mm + 4 * ripple_mm + under_mm / 2
    below = under_mm > 0
    material[below] = np.where(ripple_mm[below] > -0.5, Material.FAT, Material.MUSCLE)
    material[(under_mm > 2) & (to_liver_mm < 0)] = Material.LIVER
    if around.stomach is not None:
        level = around.stomach.level(y_mm, x_mm) + ripple_mm * np.float32(0.06)
        material[(level < 1.3) & (under_mm > 2)] = Material.MUSCLE
        material[(level < 1) & (under_mm > 5)] = Material.FLUID


def _paint_chest(
    material: UInt8[np.ndarray, "y x"],
    around: Surroundings,
    y_mm: Float32[np.ndarray, "y 1"],
    x_mm: Float32[np.ndarray, "1 x"],
    ripple_mm: Float32[np.ndarray, "y x"],
) -> None:
    """Pleural fat, muscle with ribs, fat under the skin, then air."""
    size_mm = np.float32((around.chest.semi_x_mm + around.chest.semi_y_mm) / 2)
    beyond_mm = (np.sqrt(around.chest.level(y_mm, x_mm)) - 1) * size_mm + 1.5 * ripple_mm
    muscle_mm, fat_mm = around.chest_muscle_mm, around.chest_fat_mm
    in_muscle = (beyond_mm > 1) & (beyond_mm < muscle_mm + 2 * ripple_mm)
    material[beyond_mm > 0] = Material.FAT
    material[in_muscle] = Material.MUSCLE
    for rib in around.ribs:
        paint_ellipse(material, rib, Material.FAT, y_mm, x_mm, ripple_mm)
    material[beyond_mm > muscle_mm + fat_mm + 3 * ripple_mm] = Material.AIR


def _draw_rib(rng: np.random.Generator, chest: Ellipse, muscle_mm: float) -> Ellipse:
    """A rib in the middle of the chest muscle, on the side of the coil."""
    angle_rad = np.radians(rng.uniform(-200, 20))
    down_mm = (chest.semi_y_mm + muscle_mm / 2) * np.sin(angle_rad)
    right_mm = (chest.semi_x_mm + muscle_mm / 2) * np.cos(angle_rad)
    return Ellipse(
        y_mm=float(chest.y_mm + down_mm),
        x_mm=float(chest.x_mm + right_mm + chest.lean * down_mm),
        semi_y_mm=rng.uniform(2.5, 5),
        semi_x_mm=rng.uniform(2.5, 7),
        lean=rng.uniform(-0.5, 0.5),
    )


def _draw_ripple(rng: np.random.Generator) -> Ripple:
    """Six waves of 20 to 90 mm in any direction, the longer the larger."""
    waves = []
    for wavelength_mm in np.geomspace(20, 90, 6).tolist():
        direction_rad = rng.uniform(0, 2 * np.pi)
        turn = 2 * np.pi / wavelength_mm
        along_y, along_x = turn * np.sin(direction_rad), turn * np.cos(direction_rad)
        phase_rad = rng.uniform(0, 2 * np.pi)
        waves.append(
            (float(along_y), float(along_x), rng.normal(0, 0.04), phase_rad, wavelength_mm / 60)
        )
    return Ripple(tuple(waves))


def _draw_fat_pad(rng: np.random.Generator) -> Ellipse:
    """Fat beside the right ventricle, towards the chest wall or in the angle to the diaphragm."""
    is_upper = rng.random() < 0.5
    return Ellipse(
        y_mm=rng.uniform(-50, -25) if is_upper else rng.uniform(25, 45),
        x_mm=rng.uniform(-65, -20),
        semi_y_mm=rng.uniform(6, 16),
        semi_x_mm=rng.uniform(12, 28),
        lean=rng.uniform(-1.2, 0.0) if is_upper else rng.uniform(0.0, 1.2),
    )


def _draw_vessel(rng: np.random.Generator) -> Vessel:
    return Vessel(
        y_mm=rng.uniform(-90, 60),
        x_mm=rng.uniform(-40, 110),
        radius_mm=min(float(1.1 * np.exp(rng.normal(0, 0.4))), MAX_VESSEL_MM),
        lean=rng.normal(0, 0.5),
    )
