"""Percentiles of grey values, by counting: several times faster than sorting for whole numbers."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Shaped

_COUNTED = (np.dtype(np.uint8), np.dtype(np.uint16))
_FEW = 1024
"""So few pixels are sorted as quickly."""


def percentiles(
    pixels: Shaped[np.ndarray, "..."], shares: Sequence[float]
) -> Float64[np.ndarray, " share"]:
    """The same as ``np.percentile``: linear between neighbouring values, to the last bit.

    Args:
        pixels: at least one; of 8 or 16 bits they are counted, others sorted.
        shares: 0 to 100.

    >>> percentiles(np.arange(5), [50.0, 60.0])
    array([2. , 2.4])
    """
    if pixels.dtype not in _COUNTED or pixels.size < _FEW:
        return np.asarray(np.percentile(pixels, shares), np.float64)
    place = (pixels.size - 1) * (np.asarray(shares, np.float64) / 100)
    below = np.floor(place)
    low, high = _ranked(pixels, np.stack([below, np.minimum(below + 1, pixels.size - 1)]))
    part = place - below
    step = high - low
    return np.where(part >= 0.5, high - step * (1 - part), low + step * part)


def is_constant(pixels: Shaped[np.ndarray, "..."]) -> bool:
    """Whether an image shows nothing: 99.8 % of its pixels have one value, or there are none.

    >>> is_constant(np.zeros((9, 9))), is_constant(np.arange(9))
    (True, False)
    """
    if not pixels.size:
        return True
    if pixels.dtype not in _COUNTED:
        low, high = np.percentile(pixels, (0.1, 99.9), method="nearest")
    else:
        low, high = _ranked(pixels, np.around((pixels.size - 1) * np.array([0.001, 0.999])))
    return bool(low == high)


def _ranked(
    pixels: Shaped[np.ndarray, "..."], places: Float64[np.ndarray, "*shape"]
) -> Float64[np.ndarray, "*shape"]:
    """The values at places of the sorted pixels, 0 the smallest."""
    return np.searchsorted(np.cumsum(np.bincount(pixels.ravel())), places, "right").astype(float)
