"""What lies around the heart: lung, liver, stomach, aorta, fat pads and the chest wall.

Positions are in mm from the heart's long axis, x to the image's right (lateral), y downwards
(inferior), in the usual short-axis view. General knowledge; every shape is a simple curve.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from jaxtyping import Float32, UInt8


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


@dataclass(frozen=True)
class Ellipse:
    """An ellipse that leans to the right by ``lean`` mm per mm downwards."""

    y_mm: float
    x_mm: float
    semi_y_mm: float
    semi_x_mm: float
    lean: float = 0.0

    def level(
        self, y_mm: Float32[np.ndarray, "y 1"], x_mm: Float32[np.ndarray, "1 x"]
    ) -> Float32[np.ndarray, "y x"]:
        """Squared relative distance from the centre: below 1 inside."""
        down = (y_mm - self.y_mm) / np.float32(self.semi_y_mm)
        right = (x_mm - self.x_mm - self.lean * (y_mm - self.y_mm)) / np.float32(self.semi_x_mm)
        return down**2 + right**2


@dataclass(frozen=True)
class Vessel:
    """A lung vessel across the slices."""

    y_mm: float
    x_mm: float
    radius_mm: float
    lean: float


@dataclass(frozen=True)
class Surroundings:
    """Drawn surroundings of a heart.

    Args:
        chest: inside of the rib cage.
        chest_muscle_mm, chest_fat_mm: thickness of its two layers.
        diaphragm_y_mm: its top under the heart, at the base.
        diaphragm_slope, diaphragm_rise: mm downwards per mm to the right; upwards per mm of depth.
        liver_edge_x_mm: the liver reaches from the left to here.
        has_abdominal_fat: what else lies under the diaphragm: fat, else bowel wall.
        stomach, aorta, fat_pads: further parts; ``stomach`` may be missing.
    """

    chest: Ellipse
    chest_muscle_mm: float
    chest_fat_mm: float
    rib_spacing_mm: float
    diaphragm_y_mm: float
    diaphragm_slope: float
    diaphragm_rise: float
    liver_edge_x_mm: float
    has_abdominal_fat: bool
    stomach: Ellipse | None
    aorta: Ellipse
    fat_pads: tuple[Ellipse, ...]
    vessels: tuple[Vessel, ...]


def draw_surroundings(rng: np.random.Generator, heart_radius_mm: float) -> Surroundings:
    """Draw the surroundings of a heart whose outer radius at the base is given."""
    diaphragm_y_mm = heart_radius_mm + rng.uniform(-4, 8)
    stomach = Ellipse(
        y_mm=diaphragm_y_mm + rng.uniform(22, 32),
        x_mm=rng.uniform(15, 55),
        semi_y_mm=rng.uniform(12, 22),
        semi_x_mm=rng.uniform(18, 32),
        lean=rng.uniform(-0.3, 0.3),
    )
    return Surroundings(
        chest=Ellipse(
            y_mm=rng.uniform(10, 25),
            x_mm=rng.uniform(20, 35),
            semi_y_mm=rng.uniform(78, 98),
            semi_x_mm=rng.uniform(95, 118),
            lean=rng.uniform(-0.35, -0.05),
        ),
        chest_muscle_mm=rng.uniform(7, 14),
        chest_fat_mm=rng.uniform(5, 26),
        rib_spacing_mm=rng.uniform(24, 34),
        diaphragm_y_mm=diaphragm_y_mm,
        diaphragm_slope=rng.uniform(-0.05, 0.3),
        diaphragm_rise=rng.uniform(0.0, 0.12),
        liver_edge_x_mm=rng.uniform(-25, 35),
        has_abdominal_fat=bool(rng.random() < 0.6),
        stomach=stomach if rng.random() < 0.6 else None,
        aorta=Ellipse(rng.uniform(28, 45), rng.uniform(52, 70), 11, 11),
        fat_pads=tuple(_draw_fat_pad(rng) for _ in range(rng.integers(1, 4))),
        vessels=tuple(_draw_vessel(rng) for _ in range(70)),
    )


def surrounding_materials(
    around: Surroundings,
    depth_mm: float,
    y_mm: Float32[np.ndarray, "y 1"],
    x_mm: Float32[np.ndarray, "1 x"],
) -> UInt8[np.ndarray, "y x"]:
    """The material (``Material``) at each point of the plane at one depth, the heart left out."""
    material = np.full((len(y_mm), x_mm.shape[1]), Material.LUNG, np.uint8)
    _paint_vessels(material, around, depth_mm, y_mm, x_mm)
    _paint_ellipse(material, around.aorta, Material.BLOOD, y_mm, x_mm)
    for pad in around.fat_pads:
        _paint_ellipse(material, pad, Material.FAT, y_mm, x_mm)
    _paint_abdomen(material, around, depth_mm, y_mm, x_mm)
    _paint_chest(material, around, y_mm, x_mm)
    return material


def _paint_ellipse(
    material: UInt8[np.ndarray, "y x"],
    shape: Ellipse,
    value: Material,
    y_mm: Float32[np.ndarray, "y 1"],
    x_mm: Float32[np.ndarray, "1 x"],
) -> None:
    """Paint a small ellipse, looking only at the rectangle that holds it."""
    reach_x_mm = shape.semi_x_mm + abs(shape.lean) * shape.semi_y_mm
    rows = _window(y_mm[:, 0], shape.y_mm, shape.semi_y_mm)
    columns = _window(x_mm[0], shape.x_mm, reach_x_mm)
    inside = shape.level(y_mm[rows], x_mm[:, columns]) < 1
    material[rows, columns][inside] = value


def _window(positions_mm: Float32[np.ndarray, "n"], centre_mm: float, reach_mm: float) -> slice:
    """The part of ascending positions within ``reach_mm`` of the centre."""
    ends = np.searchsorted(positions_mm, [centre_mm - reach_mm, centre_mm + reach_mm])
    return slice(int(ends[0]), int(ends[1]))


def _paint_vessels(
    material: UInt8[np.ndarray, "y x"],
    around: Surroundings,
    depth_mm: float,
    y_mm: Float32[np.ndarray, "y 1"],
    x_mm: Float32[np.ndarray, "1 x"],
) -> None:
    for vessel in around.vessels:
        at_depth = Ellipse(
            y_mm=vessel.y_mm + 0.5 * vessel.lean * depth_mm,
            x_mm=vessel.x_mm + vessel.lean * depth_mm,
            semi_y_mm=vessel.radius_mm,
            semi_x_mm=vessel.radius_mm,
            lean=vessel.lean,
        )
        _paint_ellipse(material, at_depth, Material.BLOOD, y_mm, x_mm)


def _paint_abdomen(
    material: UInt8[np.ndarray, "y x"],
    around: Surroundings,
    depth_mm: float,
    y_mm: Float32[np.ndarray, "y 1"],
    x_mm: Float32[np.ndarray, "1 x"],
) -> None:
    """Liver to the left, fat or bowel to the right, the stomach in it, under the diaphragm."""
    top_mm = (
        around.diaphragm_y_mm
        + around.diaphragm_slope * x_mm
        + x_mm**2 / 300
        - around.diaphragm_rise * depth_mm
    )
    under = y_mm - top_mm
    liver = under < 0.8 * (around.liver_edge_x_mm - x_mm) + 30
    other = Material.FAT if around.has_abdominal_fat else Material.MUSCLE
    material[under > 0] = other
    material[(under > 2) & liver & (x_mm < around.liver_edge_x_mm + 20)] = Material.LIVER
    if around.stomach is not None:
        level = around.stomach.level(y_mm, x_mm)
        material[(level < 1.3) & (under > 2)] = Material.MUSCLE
        material[(level < 1) & (under > 5)] = Material.FLUID


def _paint_chest(
    material: UInt8[np.ndarray, "y x"],
    around: Surroundings,
    y_mm: Float32[np.ndarray, "y 1"],
    x_mm: Float32[np.ndarray, "1 x"],
) -> None:
    """Pleural fat, muscle with ribs (fatty marrow in it), fat under the skin, then air."""
    size_mm = (around.chest.semi_x_mm + around.chest.semi_y_mm) / 2
    beyond_mm = (np.sqrt(around.chest.level(y_mm, x_mm)) - 1) * np.float32(size_mm)
    muscle_mm, fat_mm = around.chest_muscle_mm, around.chest_fat_mm
    phase = np.float32(2 * np.pi / around.rib_spacing_mm)
    marrow = np.sin(x_mm * phase) * np.cos(y_mm * phase) > 0.3
    in_muscle = (beyond_mm > 1.5) & (beyond_mm < muscle_mm)
    material[beyond_mm > 0] = Material.FAT
    material[in_muscle & ~(marrow & (np.abs(beyond_mm - muscle_mm / 2) < 3))] = Material.MUSCLE
    material[beyond_mm > muscle_mm + fat_mm] = Material.AIR


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
        radius_mm=float(np.exp(rng.normal(0, 0.35))),
        lean=rng.normal(0, 0.5),
    )
