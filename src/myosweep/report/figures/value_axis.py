"""The axis of tested values: logarithmic with 0 set apart, linear, or categories."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes

from myosweep.analysis.points import Point
from myosweep.report.figures.style import MUTED

Scale = Literal["logarithmic", "linear", "categories"]

_FROM_RATIO = 8.0  # values that span less than this are read on a linear axis
_NARROW_VALUES, _NARROW_LABEL = 8, 9  # more values, or longer labels, need the whole width
_INCHES_PER_LETTER = 0.055
_LEAST_STEP = 0.12  # 0 stands at least this share of the others' range away from them
_TIGHT = 0.14  # neighbours closer than this share of the axis need turned labels


@dataclass(frozen=True)
class ValueAxis:
    """Where the values of a sweep lie on the x axis.

    Attributes:
        places: the position of each point, in the points' order; logarithms where ``scale`` says
            so.
        labels: of each point.
        break_at: position of the axis break between 0 and the smallest other value; None unless
            the axis is logarithmic and 0 was tested.
    """

    scale: Scale
    places: tuple[float, ...]
    labels: tuple[str, ...]
    break_at: float | None

    @property
    def spacing(self) -> float:
        """The smallest distance between two values."""
        ordered = sorted(set(self.places))
        return min((b - a for a, b in itertools.pairwise(ordered)), default=1.0)

    @property
    def limits(self) -> tuple[float, float]:
        """What the axis shows, with some room on both sides."""
        extent = max(self.places) - min(self.places)
        room = max(0.6 * self.spacing, 0.07 * extent) if extent else 0.5
        return min(self.places) - room, max(self.places) + room

    @property
    def crowded(self) -> bool:
        """Whether the labels need the whole width of a page."""
        longest = max(map(len, self.labels), default=0)
        return len(self.labels) > _NARROW_VALUES or longest > _NARROW_LABEL

    @property
    def labels_in(self) -> float:
        """Inches that turned labels need below a figure; none where they lie flat."""
        return _INCHES_PER_LETTER * max(map(len, self.labels)) if self.crowded else 0.0

    def words(self, field: str) -> str:
        """The axis in words, such as ``L2 strength (logarithmic; 0 stands apart)``."""
        words = field[:1].upper() + field[1:]
        if self.scale != "logarithmic":
            return words
        return f"{words} (logarithmic{'' if self.break_at is None else '; 0 stands apart'})"


def value_axis(found: Sequence[Point]) -> ValueAxis:
    """Place the points of a sweep.

    One numeric field lies on a logarithmic axis if its values span much, with 0 as a category of
    its own to the left; else on a linear one. All other sweeps are categories in their order.
    """
    labels = tuple(point.label for point in found)
    values = [_number(point) for point in found]
    numbers = [value for value in values if value is not None]
    if len(numbers) < len(values) or len(numbers) < 2:
        return ValueAxis("categories", tuple(map(float, range(len(found)))), labels, None)
    positive = [number for number in numbers if number > 0]
    wide = len(positive) > 1 and max(positive) / min(positive) >= _FROM_RATIO
    if min(numbers) < 0 or not wide:
        return ValueAxis("linear", tuple(numbers), labels, None)
    ordered = sorted({math.log10(number) for number in positive})
    step = float(np.median([b - a for a, b in itertools.pairwise(ordered)]))
    step = max(step, _LEAST_STEP * (ordered[-1] - ordered[0]))
    zero = ordered[0] - step
    places = tuple(math.log10(number) if number > 0 else zero for number in numbers)
    return ValueAxis("logarithmic", places, labels, zero + step / 2 if 0 in numbers else None)


def draw_value_axis(axis: ValueAxis, axes: Axes) -> None:
    """Draw labels and the axis break; long or close labels are turned."""
    extent = max(axis.places) - min(axis.places)
    tight = extent > 0 and axis.spacing / extent < _TIGHT and len(axis.labels) > 4
    turned = axis.crowded or (tight and max(map(len, axis.labels)) > 4)
    axes.set_xticks(
        axis.places,
        axis.labels,
        size=7,
        rotation=40 if turned else 0,
        ha="right" if turned else "center",
        rotation_mode="anchor" if turned else "default",
    )
    if axis.break_at is None:
        return
    left, right = axes.get_xlim()
    at = (axis.break_at - left) / (right - left)
    for side in (-0.008, 0.008):
        axes.plot(
            [at + side - 0.007, at + side + 0.007],
            [-0.025, 0.025],
            color=MUTED,
            lw=0.9,
            transform=axes.transAxes,
            clip_on=False,
            zorder=5,
        )


def _number(point: Point) -> float | None:
    """The point's value, if it is a single number."""
    if len(point.values) != 1:
        return None
    value = point.values[0][1]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)
