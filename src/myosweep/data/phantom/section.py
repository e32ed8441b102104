"""One slice through a drawn patient: signal-giving materials on a fine grid, and the mask.

The fine grid has points at most 0.5 mm apart and layers 1 mm apart. The heart is evaluated on all
layers, the slower-changing surroundings on three. The mask is the majority per pixel.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from jaxtyping import Bool, Float32, Int, UInt8

from myosweep.data.phantom.anatomy import Borders, Heart, borders
from myosweep.data.phantom.materials import Material
from myosweep.data.phantom.scar import Scar, ScarShares, scar_shares
from myosweep.data.phantom.surroundings import Surroundings, surrounding_materials

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
class Points:
    """Some points of the fine grid: row, column, and position from the heart's axis."""

    rows: Int[np.ndarray, "point"]
    columns: Int[np.ndarray, "point"]
    y_mm: Float32[np.ndarray, "point"]
    x_mm: Float32[np.ndarray, "point"]
    r_mm: Float32[np.ndarray, "point"]
    steps: Int[np.ndarray, "point"]
    """Position of the angle in ``_ANGLES``."""

    def within(self, r_mm: float) -> Int[np.ndarray, "near"]:
        """Which of the points lie nearer to the axis than ``r_mm``."""
        return np.flatnonzero(self.r_mm < r_mm)

    def take(self, chosen: Int[np.ndarray, "near"]) -> "Points":
        """The chosen points."""
        return Points(
            *(
                a[chosen]
                for a in (self.rows, self.columns, self.y_mm, self.x_mm, self.r_mm, self.steps)
            )
        )


@dataclass(frozen=True)
class HeartPoints:
    """Materials at the points that the heart can reach; labels at those of the left ventricle."""

    all: Points
    materials: UInt8[np.ndarray, "layer point"]
    left: Points
    labels: UInt8[np.ndarray, "layer near"]


def cut(patient: Patient, grid: Grid, signals: Float32[np.ndarray, "material"]) -> Section:
    """Cut a slice through ``patient``; ``signals`` holds the signal of each ``Material``."""
    y_mm, x_mm = grid.from_axis_mm(grid.axis_yx_mm[0]), grid.from_axis_mm(grid.axis_yx_mm[1])
    signal = np.zeros((y_mm.size, x_mm.size), np.float32)
    for depth_mm in np.quantile(grid.depths, [1 / 6, 1 / 2, 5 / 6]).tolist():
        plane = surrounding_materials(patient.around, depth_mm, y_mm[:, None], x_mm[None, :])
        signal += np.take(signals, plane) / np.float32(SURROUNDING_LAYERS)
    heart = heart_points(patient, grid)
    where = heart.all.rows, heart.all.columns
    outside_share = (heart.materials == Material.OUTSIDE_HEART).mean(axis=0, dtype=np.float32)
    in_heart = np.take(signals, heart.materials).mean(axis=0)
    signal[where] = signal[where] * outside_share + in_heart
    return Section(signal, mask(heart, grid))


def heart_points(patient: Patient, grid: Grid) -> HeartPoints:
    """Materials and labels of the heart on all layers; other points are OUTSIDE_HEART."""
    lines = borders(patient.heart, grid.depths, _ANGLES)
    points = _points_within(grid, float(lines.fat_mm.max()))
    nested = [lines.fat_mm, lines.right_wall_mm, lines.right_mm]
    crossed = np.zeros((len(grid.depths), len(points.rows)), np.uint8)
    for border_mm in nested:
        crossed += points.r_mm < border_mm.take(points.steps, axis=1)
    by_crossed = (Material.OUTSIDE_HEART, Material.FAT, Material.MYOCARDIUM, Material.BLOOD)
    materials = np.take(np.array(by_crossed, np.uint8), crossed)
    near = points.within(float(lines.outer_mm.max()))
    left = points.take(near)
    materials[:, near], labels = _left_ventricle(patient, lines, grid, left, materials[:, near])
    return HeartPoints(points, materials, left, labels)


def mask(heart: HeartPoints, grid: Grid) -> UInt8[np.ndarray, "y x"]:
    """The label that takes most of each pixel's volume; see ``majority``."""
    pixel = heart.left.rows // grid.points * grid.pixels + heart.left.columns // grid.points
    count = grid.pixels**2
    cells = heart.labels.astype(np.int64) * count + pixel
    volumes = np.bincount(cells.ravel(), minlength=len(Label) * count).reshape(len(Label), -1)
    volumes[Label.BACKGROUND] = grid.points**2 * len(grid.depths) - volumes[1:].sum(axis=0)
    return majority(volumes.reshape(len(Label), grid.pixels, grid.pixels))


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
    labels: Int[np.ndarray, "y x"] = np.where(regions == Label.MYOCARDIUM, in_wall, regions)
    return labels.astype(np.uint8)


def _points_within(grid: Grid, reach_mm: float) -> Points:
    """The points of the fine grid within ``reach_mm`` of the heart's axis."""
    y_mm, x_mm = grid.from_axis_mm(grid.axis_yx_mm[0]), grid.from_axis_mm(grid.axis_yx_mm[1])
    squared = y_mm[:, None] ** 2 + x_mm**2
    rows, columns = np.nonzero(squared < reach_mm**2)
    y, x = y_mm[rows], x_mm[columns]
    turns = np.arctan2(-y, x) / np.float32(2 * np.pi)
    steps = np.rint(turns * ANGLE_STEPS).astype(np.int64) % ANGLE_STEPS
    return Points(rows, columns, y, x, np.sqrt(squared[rows, columns]), steps)


def _left_ventricle(
    patient: Patient,
    lines: Borders,
    grid: Grid,
    points: Points,
    around: UInt8[np.ndarray, "layer near"],
) -> tuple[UInt8[np.ndarray, "layer near"], UInt8[np.ndarray, "layer near"]]:
    """Materials (``around`` where it is not the left ventricle) and labels of these points."""
    inner, outer, gap = (
        table.take(points.steps, axis=1) for table in (lines.inner_mm, lines.outer_mm, lines.gap)
    )
    pool_edge = np.where(gap, (inner + outer) / 2, inner)
    in_pool, in_wall = points.r_mm < pool_edge, points.r_mm < outer
    in_wall &= ~in_pool
    material = np.where(in_wall, np.uint8(Material.MYOCARDIUM), around)
    material[in_wall & gap] = Material.MUSCLE
    material[in_pool] = Material.BLOOD
    material[in_pool & _in_papillary(patient.heart, lines, grid.depths, points)] = (
        Material.MYOCARDIUM
    )
    in_wall &= ~gap
    label = in_wall * np.uint8(Label.MYOCARDIUM) + in_pool * np.uint8(Label.BLOOD_POOL)
    if patient.scar is not None:
        shares = scar_shares(patient.scar, patient.heart, grid.depths, _ANGLES)
        thickness = np.maximum(outer - inner, np.float32(0.1))
        share = (points.r_mm - inner) / thickness
        amount = _scar_amount(shares, share, thickness, points.steps, patient.scar)
        _paint_scar(material, label, in_wall, amount, patient.scar.is_infarct)
    return material, label


def _scar_amount(
    shares: ScarShares,
    in_wall: Float32[np.ndarray, "layer near"],
    thickness_mm: Float32[np.ndarray, "layer near"],
    steps: Int[np.ndarray, "point"],
    scar: Scar,
) -> Float32[np.ndarray, "layer near"]:
    """How much of each point is scar, 0 to 1; 2 in the no-reflow core."""
    inside_mm = thickness_mm * np.minimum(
        in_wall - shares.start[:, steps], shares.stop[:, steps] - in_wall
    )
    amount: Float32[np.ndarray, "layer near"]
    amount = np.clip(0.5 + inside_mm / np.float32(scar.border_mm), 0, 1)
    core = (in_wall > shares.core_start) & (in_wall < shares.core_stop[:, steps])
    amount[core & (amount == 1)] = 2
    return amount


def _paint_scar(
    material: UInt8[np.ndarray, "layer near"],
    label: UInt8[np.ndarray, "layer near"],
    in_wall: Bool[np.ndarray, "layer near"],
    amount: Float32[np.ndarray, "layer near"],
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
    heart: Heart, lines: Borders, depths_mm: Float32[np.ndarray, "layer"], points: Points
) -> Bool[np.ndarray, "layer near"]:
    """Whether each point lies in one of the two papillary muscles."""
    inside = np.zeros((len(depths_mm), len(points.rows)), bool)
    share = heart.share(depths_mm)[:, 0]
    for muscle in heart.papillaries:
        step = round(muscle.angle_rad / (2 * np.pi) * ANGLE_STEPS) % ANGLE_STEPS
        layers = (share > muscle.start_share) & (share < muscle.stop_share)
        from_axis_mm = np.clip(lines.inner_mm[layers, step] - 0.9 * muscle.radius_mm, 0, None)
        centre_y = -from_axis_mm[:, None] * np.float32(np.sin(muscle.angle_rad))
        centre_x = from_axis_mm[:, None] * np.float32(np.cos(muscle.angle_rad))
        squared = (points.y_mm - centre_y) ** 2 + (points.x_mm - centre_x) ** 2
        inside[layers] |= squared < muscle.radius_mm**2
    return inside
