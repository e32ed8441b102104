"""Ventricles drawn in millimetres on a grid of any spacing, for the tests of clinical measures."""

import numpy as np

from myosweep.metrics.clinical import Insertion, Spacing, Ventricle

OBLONG = Spacing(2.0, 1.0, 10.0)
"""Rows 2 mm apart, columns 1 mm, slices 10 mm."""


def polar(spacing: Spacing, reach_mm: float = 40):
    """Radius in mm and angle (0: right, counterclockwise as shown) about the middle pixel."""
    dy, dx = spacing.yx
    half_y, half_x = int(reach_mm / dy), int(reach_mm / dx)
    y, x = np.mgrid[-half_y : half_y + 1, -half_x : half_x + 1]
    return np.hypot(y * dy, x * dx), np.arctan2(-y * dy, x * dx)


def ring(spacing=OBLONG, *, cavity_mm=20, wall_mm=30, scar_mm=25, scar=None, slices=1):
    """A round ventricle; infarct from the endocardium to ``scar_mm``, where ``scar(angle)`` says.

    The middle pixel, which is the cavity's centroid, has the radius 0.
    """
    radius, angle = polar(spacing)
    cavity = radius < cavity_mm
    wall = (radius >= cavity_mm) & (radius < wall_mm)
    where = np.ones(angle.shape, bool) if scar is None else scar(angle)
    infarct = wall & (radius < scar_mm) & where
    stacked = [np.repeat(mask[None], slices, 0) for mask in (cavity, wall, infarct)]
    return Ventricle(*stacked, np.zeros_like(stacked[2]))


def turned(ventricle: Ventricle) -> Ventricle:
    """The same heart on an image turned by 90 degrees, counterclockwise as shown."""
    masks = (ventricle.cavity, ventricle.myocardium, ventricle.infarct, ventricle.no_reflow)
    return Ventricle(*(np.rot90(mask, axes=(1, 2)).copy() for mask in masks))


def turned_spacing(spacing: Spacing) -> Spacing:
    """The spacing of a turned image."""
    return Spacing(spacing.x_mm, spacing.y_mm, spacing.slices_mm)


def empty(shape=(1, 8, 8)) -> Ventricle:
    """A ventricle of which nothing is marked."""
    return Ventricle(*(np.zeros(shape, bool) for _ in range(4)))


def place(degrees, spacing=OBLONG, radius_mm=30):
    """Where a direction from the middle meets the epicardium (y, x), pixels."""
    radius, _ = polar(spacing)
    middle = np.array(radius.shape) // 2
    dy, dx = spacing.yx
    angle = np.deg2rad(degrees)
    return (
        float(middle[0] - radius_mm * np.sin(angle) / dy),
        float(middle[1] + radius_mm * np.cos(angle) / dx),
    )


def insertion_at(anterior_deg, inferior_deg, spacing=OBLONG):
    """Insertion points in these directions from the middle."""
    return Insertion(place(anterior_deg, spacing), place(inferior_deg, spacing))
