"""A patient's plan: everything that is drawn, before anything is computed."""

from dataclasses import dataclass, replace
from math import ceil
from typing import Literal

import numpy as np

from myosweep.data.phantom.acquisition import Scan, SliceScan, draw_scan, draw_slice_scan
from myosweep.data.phantom.anatomy import draw_heart
from myosweep.data.phantom.scar import draw_scar
from myosweep.data.phantom.section import Grid, Patient
from myosweep.data.phantom.surroundings import draw_surroundings
from myosweep.randomness import stream

Level = Literal["base", "middle", "apex"]

MARGIN_PX = 8
"""Pixels simulated beyond each side of the image, so that its edges do not wrap around."""

MIN_FIELD_MM = 110.0
"""Smallest field of view; small images get larger pixels instead, so that the heart fits."""

FINE_SPACING_MM = 0.5

SLICE_COUNTS = (6, 9)
SLICE_SPACINGS_MM = (8.0, 13.0)


@dataclass(frozen=True)
class SlicePlan:
    """One slice: depth of its centre, place of the heart's axis, and what happens meanwhile."""

    depth_mm: float
    axis_yx_mm: tuple[float, float]
    level: Level
    scan: SliceScan


@dataclass(frozen=True)
class PatientPlan:
    """A patient, the examination and its slices from base to apex."""

    patient: Patient
    scan: Scan
    slices: tuple[SlicePlan, ...]
    slice_spacing_mm: float

    def grid(self, which: SlicePlan, pixels: int) -> Grid:
        """The fine grid of one slice for an image of ``pixels`` each way."""
        layers = self.scan.thickness_mm
        return Grid(
            pixels=pixels,
            points=ceil(self.scan.spacing_mm / FINE_SPACING_MM - 1e-9),
            spacing_mm=self.scan.spacing_mm,
            axis_yx_mm=which.axis_yx_mm,
            depths_mm=tuple(which.depth_mm + i - (layers - 1) / 2 for i in range(layers)),
        )


def draw_plan(seed: int, number: int, size: int) -> PatientPlan:
    """Draw patient ``number``; of all that is drawn, only the pixel's side depends on ``size``."""
    patient = _draw_patient(stream(seed, "phantom", number, 0))
    rng = stream(seed, "phantom", number, 1)
    scan = draw_scan(rng)
    length_mm = patient.heart.length_mm
    first_mm = scan.thickness_mm / 2 + rng.uniform(0, 4)
    last_mm = length_mm - rng.uniform(0, 8)
    spacing_mm, count = _draw_spacing(rng, last_mm - first_mm)
    scan = replace(
        scan,
        spacing_mm=max(scan.spacing_mm, MIN_FIELD_MM / size),
        thickness_mm=min(scan.thickness_mm, int(spacing_mm)),
    )
    offset_yx_mm = rng.normal(0, 4, 2)
    slices = []
    for index in range(count):
        depth_mm = first_mm + index * spacing_mm
        moment = draw_slice_scan(stream(seed, "phantom", number, 2 + index))
        drift = np.multiply(patient.heart.drift_yx_mm, depth_mm / length_mm - 0.5)
        y_mm, x_mm = (offset_yx_mm + drift + moment.shift_yx_mm).tolist()
        slices.append(SlicePlan(depth_mm, (y_mm, x_mm), _level(index, count), moment))
    return PatientPlan(patient, scan, tuple(slices), spacing_mm)


def _draw_patient(rng: np.random.Generator) -> Patient:
    """A heart, a scar in it or none, and its surroundings; a scarred heart may be dilated."""
    heart = draw_heart(rng, is_dilated=bool(rng.random() < 0.3))
    scar = draw_scar(rng, heart)
    return Patient(heart, scar, draw_surroundings(rng, heart.radius_mm + heart.wall_mm))


def _draw_spacing(rng: np.random.Generator, covered_mm: float) -> tuple[float, int]:
    """Distance of slice centres (8 to 13 mm) and their number (6 to 9) over ``covered_mm``."""
    fewest = max(SLICE_COUNTS[0], ceil(covered_mm / SLICE_SPACINGS_MM[1]) + 1)
    most = min(SLICE_COUNTS[1], int(covered_mm / SLICE_SPACINGS_MM[0]) + 1)
    count = int(rng.integers(fewest, most + 1))
    return covered_mm / (count - 1), count


def _level(index: int, count: int) -> Level:
    """Third of the ventricle that a slice lies in."""
    levels: tuple[Level, ...] = ("base", "middle", "apex")
    return levels[3 * index // count]
