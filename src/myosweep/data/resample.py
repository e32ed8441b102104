"""Slices on square pixels of a chosen size: images linearly, labels region by region."""

import numpy as np
from jaxtyping import Shaped
from scipy import ndimage

from myosweep.errors import DatasetError

Spacing = tuple[float, float]
SMALLEST_MM, LARGEST_MM = 0.05, 20
"""No pixel of a patient is smaller or larger; a header that says so is wrong."""


def resampled_size(size: tuple[int, int], spacing_yx_mm: Spacing, to_mm: float) -> tuple[int, int]:
    """Height and width after resampling, pixels; at least 1.

    >>> resampled_size((148, 246), (1.5, 1.0), 1.5)
    (148, 164)
    """
    height, width = (
        max(round(pixels * mm / to_mm), 1) for pixels, mm in zip(size, spacing_yx_mm, strict=True)
    )
    return height, width


def resample_image(
    image: Shaped[np.ndarray, "y x"], spacing_yx_mm: Spacing, to_mm: float
) -> Shaped[np.ndarray, "new_y new_x"]:
    """Linear interpolation in the image's type; before a reduction a Gaussian keeps out aliases.

    Pixels are areas: the outer edges of the image stay where they are, to half a new pixel.
    """
    smooth = image.astype(np.float64)
    if widths := _smoothing(spacing_yx_mm, to_mm):
        smooth = ndimage.gaussian_filter(smooth, widths, mode="nearest")
    drawn = _linear(smooth, spacing_yx_mm, to_mm)
    return np.rint(drawn).astype(image.dtype)


def resample_labels(
    labels: Shaped[np.ndarray, "y x"], spacing_yx_mm: Spacing, to_mm: float
) -> Shaped[np.ndarray, "new_y new_x"]:
    """Each code's area is interpolated linearly; a new pixel takes the code that has most of it.

    A tie goes to the smaller code. No new code can appear.
    """
    codes = np.unique(labels)
    size = resampled_size(labels.shape, spacing_yx_mm, to_mm)
    best, chosen = np.full(size, -1.0), np.zeros(size, labels.dtype)
    for code in codes:
        share = _linear((labels == code).astype(np.float64), spacing_yx_mm, to_mm)
        wins = share > best + 1e-9
        best[wins], chosen[wins] = share[wins], code
    return chosen


def resample_point(point_yx: tuple[float, float], spacing_yx_mm: Spacing, to_mm: float) -> Spacing:
    """Where a place in the image lies afterwards; pixel centres are whole numbers."""
    y, x = (
        (place + 0.5) * mm / to_mm - 0.5 for place, mm in zip(point_yx, spacing_yx_mm, strict=True)
    )
    return y, x


def check_spacing(spacing_yx_mm: Spacing | None) -> Spacing:
    """The spacing, where there is one to resample by.

    Raises:
        DatasetError: if it is not known, or cannot be true.
    """
    if spacing_yx_mm is None:
        raise DatasetError(
            "has no known pixel spacing, so it cannot be resampled; leave out --resample"
        )
    if not all(map(is_plausible, spacing_yx_mm)):
        text = " x ".join(f"{mm:g}" for mm in spacing_yx_mm)
        raise DatasetError(
            f"says its pixels are {text} mm, but {SMALLEST_MM} to {LARGEST_MM} mm are possible, so "
            "it cannot be resampled; leave out --resample"
        )
    return spacing_yx_mm


def is_plausible(side_mm: float) -> bool:
    """Whether a pixel can have this side; a number that is none cannot.

    >>> is_plausible(1.5), is_plausible(1500.0), is_plausible(float("nan"))
    (True, False, False)
    """
    return SMALLEST_MM <= side_mm <= LARGEST_MM


def _smoothing(spacing_yx_mm: Spacing, to_mm: float) -> tuple[float, float] | None:
    widths = tuple(max(to_mm / mm - 1, 0) / 2 for mm in spacing_yx_mm)
    return (widths[0], widths[1]) if any(widths) else None


def _linear(pixels: np.ndarray, spacing_yx_mm: Spacing, to_mm: float) -> np.ndarray:
    """Values at the centres of the new pixels; beyond the outermost old ones, those of the edge."""
    size = resampled_size((pixels.shape[0], pixels.shape[1]), spacing_yx_mm, to_mm)
    step = [to_mm / mm for mm in spacing_yx_mm]
    return ndimage.affine_transform(
        pixels,
        step,
        [(one - 1) / 2 for one in step],
        output_shape=size,
        order=1,
        mode="nearest",
    )
