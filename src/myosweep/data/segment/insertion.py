"""Where the right ventricle's wall meets the left one: the two insertion points of a slice."""

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import cKDTree

from myosweep.data.segment.header import StackHeader

_NEAR_MM = 2.0
"""So much further than its nearest place may the septal stretch lie from the left ventricle."""
_FARTHEST_MM = 8.0
"""A right ventricle further away does not touch the left one in this slice."""
_SHORTEST_MM = 10.0
"""A shorter stretch is no septum."""
_LEVEL_MM = 2.0
"""With a smaller difference in the patient, none of two points is the anterior one."""
_STEPS = 10
"""Places per edge of a contour; Segment's edges are 1 to 3 mm long."""

Points = Float[np.ndarray, "_ 2"]


def insertion_points(header: StackHeader, at: int) -> dict[str, tuple[float, float]]:
    """``rv_anterior`` and ``rv_inferior`` of a slice (y, x), pixels; empty where they are unknown.

    They are the ends of the longest stretch of the right ventricle's contour that runs along the
    left ventricle's epicardium, at most 2 mm further away than where the two are nearest. There are
    none where one of the contours is missing, where the ventricles are more than 8 mm apart, where
    the stretch is shorter than 10 mm or the whole contour, and where the pixel spacing is unknown.

    Anterior is the one further to the patient's front, if the orientation is known and the two
    differ by more than 2 mm there; else the upper one, as short-axis images are usually shown.
    """
    spacing = header.spacing_yx_mm
    if spacing is None or not (header.drawn("RVEndo")[at] and header.drawn("Epi")[at]):
        return {}
    right, left = (
        _dense(header.contours[name].outline(header.frame, at)) for name in ("RVEndo", "Epi")
    )
    stretch = _septal_stretch(right * spacing, left * spacing)
    if stretch is None:
        return {}
    anterior, inferior = _front_first(right[list(stretch)], header, spacing)
    return {"rv_anterior": _pair(anterior), "rv_inferior": _pair(inferior)}


def _dense(outline: Points) -> Points:
    """Places along a closed contour, a few on each edge."""
    steps = np.diff(outline, axis=0, append=outline[:1])
    parts = np.arange(_STEPS) / _STEPS
    return (outline[:, None] + steps[:, None] * parts[:, None]).reshape(-1, 2)


def _septal_stretch(right_mm: Points, left_mm: Points) -> tuple[int, int] | None:
    """First and last place of the right ventricle's contour along the left one."""
    away = np.asarray(cKDTree(left_mm).query(right_mm)[0])
    if away.min() > _FARTHEST_MM:
        return None
    run = _longest_run(away <= away.min() + _NEAR_MM)
    if run is None:
        return None
    places = right_mm[np.arange(run[0], run[0] + run[1]) % len(right_mm)]
    length_mm = float(np.hypot(*np.diff(places, axis=0).T).sum())
    return (run[0], (run[0] + run[1] - 1) % len(right_mm)) if length_mm >= _SHORTEST_MM else None


def _longest_run(near: Bool[np.ndarray, "point"]) -> tuple[int, int] | None:
    """Start and length of the longest run of a closed contour; none if it is all of it."""
    if near.all():
        return None
    start = int(np.flatnonzero(~near)[0])
    turned = np.roll(near, -start)
    edges = np.flatnonzero(np.diff(turned.astype(np.int8), append=0))
    lengths = edges[1::2] - edges[::2]
    longest = int(lengths.argmax())
    return (int(edges[2 * longest]) + 1 + start) % len(near), int(lengths[longest])


def _front_first(ends: Points, header: StackHeader, spacing: tuple[float, float]) -> Points:
    """Two points, the anterior one first."""
    upper_first = ends[np.argsort(ends[:, 0], kind="stable")]
    if header.cosines is None:
        return upper_first
    # DICOM's patient coordinates: the second one grows to the back. A step down is along a column.
    back_mm = ends * spacing @ [header.cosines[4], header.cosines[1]]
    if abs(back_mm[0] - back_mm[1]) <= _LEVEL_MM:
        return upper_first
    return ends[np.argsort(back_mm, kind="stable")]


def _pair(point: Float[np.ndarray, "2"]) -> tuple[float, float]:
    return float(point[0]), float(point[1])
