"""One slice through a drawn patient: signal-giving materials on a fine grid, and the mask.

The fine grid has points at most 0.5 mm apart and layers 1 mm apart. The heart is evaluated on all
layers, the slower-changing surroundings on three. The mask is the majority per pixel.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from jaxtyping import Bool, Float32, Int, UInt8

from myosweep.data.phantom.anatomy import Borders, Heart, borders
from myosweep.data.phantom.scar import Scar, ScarShares, scar_shares
from myosweep.data.phantom.surroundings import Material, Surroundings, surrounding_materials

ANGLE_STEPS = 720
SURROUNDING_LAYERS = 3

_ANGLES = np.linspace(0, 2 * np.pi, ANGLE_STEPS, endpoint=False, dtype=np.float32)


class Label(IntEnum):
    """Codes of the phantom's label maps."""

    BACKGROUND = 0
    BLOOD_POOL = 1
    MYOCARDIUM = 2
    INFARCT = 3
    NO_REFLOW = 4


@dataclass(frozen=True)
class Patient:
    """Everything that lies in a drawn patient's chest."""

    heart: Heart
    scar: Scar | None
    around: Surroundings


@dataclass(frozen=True)
class Grid:
    """A fine grid around the image's centre: ``pixels * points`` points each way.

    Args:
        pixels: pixels each way, after reconstruction.
        points: points of the fine grid per pixel, each way.
        spacing_mm: side of a pixel.
        axis_yx_mm: where the heart's long axis meets this slice, from the image's centre.
        depths_mm: depth of each layer of the slice.
    """

    pixels: int
    points: int
    spacing_mm: float
    axis_yx_mm: tuple[float, float]
    depths_mm: tuple[float, ...]

    @property
    def depths(self) -> Float32[np.ndarray, "layer"]:
        return np.array(self.depths_mm, np.float32)

    def from_axis_mm(self, axis_mm: float) -> Float32[np.ndarray, "n"]:
        """Positions of the points along y or x, from the heart's axis."""
        count = self.pixels * self.points
        centred = np.arange(count, dtype=np.float32) - np.float32((count - 1) / 2)
        return centred * np.float32(self.spacing_mm / self.points) - np.float32(axis_mm)


@dataclass(frozen=True)
class Section:
    """A slice's ideal signal on the fine grid, and its mask on the pixel grid."""

    signal: Float32[np.ndarray, "fine_y fine_x"]
    labels: UInt8[np.ndarray, "y x"]


@dataclass(frozen=True)
class HeartPoints:
    """The heart's materials and labels at the points of the fine grid that it can reach."""

    chosen: Bool[np.ndarray, "fine_y fine_x"]
    materials: UInt8[np.ndarray, "layer point"]
    labels: UInt8[np.ndarray, "layer point"]


def cut(patient: Patient, grid: Grid, signals: Float32[np.ndarray, "material"]) -> Section:
    """Cut a slice through ``patient``; ``signals`` holds the signal of each ``Material``."""
    y_mm = grid.from_axis_mm(grid.axis_yx_mm[0])[:, None]
    x_mm = grid.from_axis_mm(grid.axis_yx_mm[1])[None, :]
    outside = np.zeros((y_mm.size, x_mm.size), np.float32)
    for depth_mm in np.quantile(grid.depths, [1 / 6, 1 / 2, 5 / 6]):
        outside += signals[surrounding_materials(patient.around, float(depth_mm), y_mm, x_mm)]
    outside /= SURROUNDING_LAYERS
    points = heart_points(patient, grid.depths, y_mm, x_mm)
    is_outside = points.materials == Material.OUTSIDE_HEART
    heart_signals = np.where(is_outside, 0, signals[points.materials]).mean(axis=0)
    outside[points.chosen] = outside[points.chosen] * is_outside.mean(axis=0) + heart_signals
    return Section(outside, mask(points, grid.points))


def heart_points(
    patient: Patient,
    depths_mm: Float32[np.ndarray, "layer"],
    y_mm: Float32[np.ndarray, "fine_y 1"],
    x_mm: Float32[np.ndarray, "1 fine_x"],
) -> HeartPoints:
    """Materials and labels of the heart on all layers; other points are OUTSIDE_HEART."""
    lines = borders(patient.heart, depths_mm, _ANGLES)
    radius = np.sqrt(y_mm**2 + x_mm**2)
    chosen = radius < lines.fat_mm.max()
    rows, columns = np.nonzero(chosen)
    y, x, r = y_mm[rows, 0], x_mm[0, columns], radius[chosen]
    steps = _angle_steps(y, x)
    materials = np.zeros((len(depths_mm), len(r)), np.uint8)
    materials[r < lines.fat_mm[:, steps]] = Material.FAT
    materials[r < lines.right_wall_mm[:, steps]] = Material.MYOCARDIUM
    materials[r < lines.right_mm[:, steps]] = Material.BLOOD
    near = np.flatnonzero(r < lines.outer_mm.max())
    labels = np.zeros_like(materials)
    materials[:, near], labels[:, near] = _left_ventricle(
        patient, lines, depths_mm, (y[near], x[near], r[near]), materials[:, near]
    )
    return HeartPoints(chosen, materials, labels)


def mask(points: HeartPoints, points_per_pixel: int) -> UInt8[np.ndarray, "y x"]:
    """The label that takes most of each pixel's volume; see ``majority``."""
    volumes = np.empty((len(Label), *points.chosen.shape), np.uint8)
    volumes[:] = 0
    for label in Label:
        if label != Label.BACKGROUND:
            volumes[label][points.chosen] = (points.labels == label).sum(axis=0, dtype=np.uint8)
    volumes[Label.BACKGROUND] = len(points.labels) - volumes[1:].sum(axis=0, dtype=np.uint8)
    return majority(_block_sums(volumes, points_per_pixel))


def majority(volumes: Int[np.ndarray, "label y x"]) -> UInt8[np.ndarray, "y x"]:
    """The label of each pixel from the volume that each label takes of it.

    First background, blood pool or myocardium as a whole, whichever takes most; then, within the
    myocardium, the largest of its labels. The lower code wins a tie.

    >>> volumes = np.array([4, 0, 3, 0, 2]).reshape(5, 1, 1)
    >>> int(majority(volumes)[0, 0])
    2
    """
    wall = volumes[Label.MYOCARDIUM :]
    regions = np.stack(
        [volumes[Label.BACKGROUND], volumes[Label.BLOOD_POOL], wall.sum(axis=0)]
    ).argmax(axis=0)
    in_wall = wall.argmax(axis=0) + Label.MYOCARDIUM
    return np.where(regions == Label.MYOCARDIUM, in_wall, regions).astype(np.uint8)


def _angle_steps(
    y_mm: Float32[np.ndarray, "point"], x_mm: Float32[np.ndarray, "point"]
) -> Int[np.ndarray, "point"]:
    """Position in ``_ANGLES`` of each point's angle, counted against the clock from the right."""
    turns = np.arctan2(-y_mm, x_mm) / np.float32(2 * np.pi)
    return np.rint(turns * ANGLE_STEPS).astype(np.int64) % ANGLE_STEPS


def _left_ventricle(
    patient: Patient,
    lines: Borders,
    depths_mm: Float32[np.ndarray, "layer"],
    yxr_mm: tuple[
        Float32[np.ndarray, "point"], Float32[np.ndarray, "point"], Float32[np.ndarray, "point"]
    ],
    around: UInt8[np.ndarray, "layer point"],
) -> tuple[UInt8[np.ndarray, "layer point"], UInt8[np.ndarray, "layer point"]]:
    """Materials (``around`` where it is not the left ventricle) and labels of these points."""
    y_mm, x_mm, r = yxr_mm
    steps = _angle_steps(y_mm, x_mm)
    inner, outer, gap = (a[:, steps] for a in (lines.inner_mm, lines.outer_mm, lines.gap))
    pool_edge = np.where(gap, (inner + outer) / 2, inner)
    in_pool, in_wall = r < pool_edge, (r >= pool_edge) & (r < outer)
    material = np.where(in_wall, np.uint8(Material.MYOCARDIUM), around)
    material[in_wall & gap] = Material.MUSCLE
    material[in_pool] = Material.BLOOD
    material[in_pool & _in_papillary(patient.heart, lines, depths_mm, y_mm, x_mm)] = (
        Material.MYOCARDIUM
    )
    in_wall &= ~gap
    label = np.where(in_wall, np.uint8(Label.MYOCARDIUM), np.uint8(Label.BACKGROUND))
    label[in_pool] = Label.BLOOD_POOL
    if patient.scar is not None:
        shares = scar_shares(patient.scar, patient.heart, depths_mm, _ANGLES)
        thickness = np.maximum(outer - inner, np.float32(0.1))
        amount = _scar_amount(shares, (r - inner) / thickness, thickness, steps, patient.scar)
        _paint_scar(material, label, in_wall, amount, patient.scar.is_infarct)
    return material, label


def _scar_amount(
    shares: ScarShares,
    in_wall: Float32[np.ndarray, "layer point"],
    thickness_mm: Float32[np.ndarray, "layer point"],
    steps: Int[np.ndarray, "point"],
    scar: Scar,
) -> Float32[np.ndarray, "layer point"]:
    """How much of each point is scar, 0 to 1; 2 in the no-reflow core."""
    inside_mm = thickness_mm * np.minimum(
        in_wall - shares.start[:, steps], shares.stop[:, steps] - in_wall
    )
    amount = np.clip(0.5 + inside_mm / np.float32(scar.border_mm), 0, 1)
    core = (in_wall > shares.core_start) & (in_wall < shares.core_stop[:, steps])
    amount[core & (amount == 1)] = 2
    return amount


def _paint_scar(
    material: UInt8[np.ndarray, "layer point"],
    label: UInt8[np.ndarray, "layer point"],
    in_wall: Bool[np.ndarray, "layer point"],
    amount: Float32[np.ndarray, "layer point"],
    is_infarct: bool,
) -> None:
    """Paint scar over the wall; a fibrosis that is no infarct keeps the myocardium's label."""
    mixed = np.rint(4 * np.minimum(amount, 1)).astype(np.uint8) + np.uint8(Material.MYOCARDIUM)
    core = in_wall & (amount == 2)
    material[in_wall] = mixed[in_wall]
    material[core] = Material.NO_REFLOW
    if is_infarct:
        label[in_wall & (amount >= 0.5)] = Label.INFARCT
        label[core] = Label.NO_REFLOW


def _in_papillary(
    heart: Heart,
    lines: Borders,
    depths_mm: Float32[np.ndarray, "layer"],
    y_mm: Float32[np.ndarray, "point"],
    x_mm: Float32[np.ndarray, "point"],
) -> Bool[np.ndarray, "layer point"]:
    """Whether each point lies in one of the two papillary muscles."""
    inside = np.zeros((len(depths_mm), len(y_mm)), bool)
    share = heart.share(depths_mm)[:, 0]
    for muscle in heart.papillaries:
        step = round(muscle.angle_rad / (2 * np.pi) * ANGLE_STEPS) % ANGLE_STEPS
        layers = (share > muscle.start_share) & (share < muscle.stop_share)
        from_axis_mm = np.clip(lines.inner_mm[layers, step] - 0.9 * muscle.radius_mm, 0, None)
        centre_y = -from_axis_mm[:, None] * np.float32(np.sin(muscle.angle_rad))
        centre_x = from_axis_mm[:, None] * np.float32(np.cos(muscle.angle_rad))
        inside[layers] |= (y_mm - centre_y) ** 2 + (x_mm - centre_x) ** 2 < muscle.radius_mm**2
    return inside


def _block_sums(
    volumes: UInt8[np.ndarray, "label fine_y fine_x"], points: int
) -> Int[np.ndarray, "label y x"]:
    """Sums over blocks of ``points`` x ``points``."""
    labels, rows, columns = volumes.shape
    blocks = volumes.reshape(labels, rows // points, points, columns // points, points)
    return blocks.sum(axis=4, dtype=np.int64).sum(axis=2)
