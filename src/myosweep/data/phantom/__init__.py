"""Synthetic LGE-MRI short-axis slices with exact masks, for tests, demos and studies of method.

physics        T1 after contrast agent, inversion-recovery signal
anatomy        left ventricle, papillary muscles, right ventricle, epicardial fat
scar           infarcts and non-ischaemic patterns
surroundings   lung, liver, stomach, aorta, chest wall
section        one slice on a fine grid, and its mask by majority of volume
acquisition    coil, k-space, noise, artefacts, 12-bit image
plan           all that is drawn for a patient
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8, UInt16

from myosweep.data.phantom.acquisition import acquire
from myosweep.data.phantom.anatomy import outer_radius_mm
from myosweep.data.phantom.plan import MARGIN_PX, Level, PatientPlan, SlicePlan, draw_plan
from myosweep.data.phantom.section import Grid, Label, cut
from myosweep.errors import DatasetError
from myosweep.regions import RegionScheme

__all__ = ["REGIONS", "PhantomSlice", "phantom_patient"]

REGIONS = RegionScheme.from_mapping(
    {
        "background": (Label.BACKGROUND,),
        "blood pool": (Label.BLOOD_POOL,),
        "myocardium": (Label.MYOCARDIUM, Label.INFARCT, Label.NO_REFLOW),
    }
)
"""The regions of ``PhantomSlice.labels``."""

SMALLEST_SIZE = 32


@dataclass(frozen=True)
class PhantomSlice:
    """One synthetic slice in the usual short-axis view: septum left, anterior wall up.

    Args:
        patient: "P000", "P001", ...
        slice: "00" at the base, counting towards the apex.
        image: 12-bit grey values, 0 to 4095; phase-sensitive (no signal is 2048) or magnitude.
        labels: 0 background, 1 blood pool (papillary muscles included), 2 myocardium without
            infarct, 3 infarct, 4 no-reflow. Non-ischaemic fibrosis is bright in the image and has
            code 2: it is no infarct. At the outflow tract the ring is open.
        site: hospital, "S1" to "S6".
        vendor: maker of the scanner, "A", "B" or "C".
        level: third of the ventricle.
        spacing_mm: side of a pixel.
        slice_spacing_mm: distance between the centres of neighbouring slices.
        rv_insertion_yx: where the right ventricle meets the left, anterior then inferior, as
            (row, column); pixel centres have whole numbers. Kept below the right ventricle's tip.
    """

    patient: str
    slice: str
    image: UInt16[np.ndarray, "y x"]
    labels: UInt8[np.ndarray, "y x"]
    site: str
    vendor: str
    level: Level
    spacing_mm: float
    slice_spacing_mm: float
    rv_insertion_yx: tuple[tuple[float, float], tuple[float, float]]


def phantom_patient(seed: int, number: int, size: int = 128) -> list[PhantomSlice]:
    """The 6 to 9 slices of one synthetic patient, base first; the same arguments, the same bits.

    Args:
        seed: of the whole population, at least 0.
        number: of the patient, at least 0; the patient does not depend on how many there are.
        size: pixels each way, at least 32. Below about 85, pixels grow so that the heart fits.

    Raises:
        DatasetError: if a number is too small.
    """
    problems = [
        f"{name} must be at least {least}, got {value}; give a larger one"
        for name, value, least in (
            ("the phantom's seed", seed, 0),
            ("the phantom patient's number", number, 0),
            ("the phantom's size", size, SMALLEST_SIZE),
        )
        if value < least
    ]
    if problems:
        raise DatasetError(problems, "the phantom cannot be made")
    plan = draw_plan(seed, number, size)
    return [
        _phantom_slice(plan, which, f"P{number:03d}", f"{index:02d}", size)
        for index, which in enumerate(plan.slices)
    ]


def _phantom_slice(
    plan: PatientPlan, which: SlicePlan, patient: str, name: str, size: int
) -> PhantomSlice:
    grid = plan.grid(which, size + 2 * MARGIN_PX)
    section = cut(plan.patient, grid, np.array(plan.scan.signals, np.float32))
    image = acquire(section.signal, plan.scan, which.scan, grid.pixels)
    inside = slice(MARGIN_PX, MARGIN_PX + size)
    return PhantomSlice(
        patient=patient,
        slice=name,
        image=image[inside, inside].copy(),
        labels=section.labels[inside, inside].copy(),
        site=plan.scan.site,
        vendor=plan.scan.vendor.name,
        level=which.level,
        spacing_mm=plan.scan.spacing_mm,
        slice_spacing_mm=plan.slice_spacing_mm,
        rv_insertion_yx=_insertion_points(plan, which, grid, size),
    )


def _insertion_points(
    plan: PatientPlan, which: SlicePlan, grid: Grid, size: int
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Anterior and inferior insertion point as (row, column) of the image."""
    heart = plan.patient.heart
    points = []
    for angle_rad in (heart.right.anterior_rad, heart.right.inferior_rad):
        radius_mm = outer_radius_mm(heart, which.depth_mm, angle_rad)
        y_mm = which.axis_yx_mm[0] - radius_mm * np.sin(angle_rad)
        x_mm = which.axis_yx_mm[1] + radius_mm * np.cos(angle_rad)
        centre = (size - 1) / 2
        points.append(
            (float(centre + y_mm / grid.spacing_mm), float(centre + x_mm / grid.spacing_mm))
        )
    return points[0], points[1]
