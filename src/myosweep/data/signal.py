"""Signal values of any type as the 8 or 16 bits that a dataset holds, and the way back."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped, UInt8, UInt16

from myosweep.errors import DatasetError

_LEVELS = np.iinfo(np.uint16).max
_SMALLEST = float(np.finfo(np.float64).tiny)
"""A smaller slope would have lost its digits."""


@dataclass(frozen=True)
class Signal:
    """How pixels tell the source's values: value = pixel * slope + offset."""

    slope: float = 1.0
    offset: float = 0.0

    def row(self) -> dict[str, float]:
        """Columns of the dataset's table."""
        return {"signal_slope": self.slope, "signal_offset": self.offset}

    def then(self, slope: float, offset: float) -> "Signal":
        """The same pixels, when the source says that its values are to be scaled once more."""
        return Signal(self.slope * slope, self.offset * slope + offset)


def store_signal(
    values: Shaped[np.ndarray, "*shape"],
) -> tuple[UInt8[np.ndarray, "*shape"] | UInt16[np.ndarray, "*shape"], Signal]:
    """Pixels of a whole stack, so that its slices stay comparable.

    Whole numbers of 0 to 65535 stay as they are (uint8 stays uint8). Anything else, negative or
    fractional, is laid linearly over 0..65535, from the stack's smallest value to its largest; the
    error is at most half of a 65535th of that range. If all values are the same, they become 0.
    True and false become 1 and 0. A stack without values has 16 bits.

    Raises:
        DatasetError: if a value is complex, not finite, or too large to compute with.
    """
    if values.dtype == np.uint8:
        return values, Signal()
    if np.issubdtype(values.dtype, np.complexfloating):
        raise DatasetError("holds complex numbers; save magnitude or phase-sensitive images")
    if values.size == 0:
        return np.zeros(values.shape, np.uint16), Signal()
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(high - low):
        raise DatasetError("holds values that are no numbers (NaN or infinite); replace them first")
    if low >= 0 and high <= _LEVELS and _are_whole(values):
        return values.astype(np.uint16), Signal()
    slope = (high - low) / _LEVELS
    if slope < _SMALLEST:
        return np.zeros(values.shape, np.uint16), Signal(1.0, low)
    pixels = np.rint((values.astype(np.float64) - low) / slope).astype(np.uint16)
    return pixels, Signal(slope, low)


def _are_whole(values: np.ndarray) -> bool:
    return bool(np.issubdtype(values.dtype, np.integer) or (values == np.rint(values)).all())
