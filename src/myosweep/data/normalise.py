"""From stored pixels to what a network sees: grey levels 0..255 minus a mean, or z-scores."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float32, Integer

PERCENTILES = (0.1, 99.9)
"""Of the training part's pixels; images that are not 8-bit are mapped from these to 0..255."""
_ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class Normaliser:
    """How pixels become network input, with the numbers that the training part gave.

    ``low`` and ``high`` are the pixel values that become 0 and 255 (8-bit images: 0 and 255);
    ``mean`` is the training part's mean grey level, over pixels that are not padding. ``z-score``
    needs none of them.
    """

    kind: Literal["zero-centre", "z-score"]
    low: float = 0.0
    high: float = 255.0
    mean: float = 0.0

    @classmethod
    def zero_centre(
        cls,
        slices: Iterable[tuple[Integer[np.ndarray, "y x"], Bool[np.ndarray, "y x"]]],
        pixel_type: np.dtype,
    ) -> "Normaliser":
        """Measure the training part: each slice's image and its padding, one at a time."""
        histogram = np.zeros(np.iinfo(pixel_type).max + 1, np.int64)
        for image, padding in slices:
            histogram += np.bincount(image[~padding], minlength=len(histogram))
        low, high = 0.0, 255.0
        if pixel_type != np.uint8:
            ranks = np.array(PERCENTILES) / 100 * histogram.sum()
            low, high = np.searchsorted(np.cumsum(histogram), ranks).astype(float).tolist()
            high = max(high, low + 1)
        grey = cls("zero-centre", low, high).grey(np.arange(len(histogram)))
        mean = float((histogram * grey).sum() / max(histogram.sum(), 1))
        return cls("zero-centre", low, high, mean)

    def facts(self) -> dict[str, Any]:
        """The record as JSON holds it."""
        return {"kind": self.kind, "low": self.low, "high": self.high, "mean": self.mean}

    def grey(self, pixels: Integer[np.ndarray, "*shape"]) -> Float32[np.ndarray, "*shape"]:
        """Grey levels 0..255; values outside ``low`` to ``high`` are clipped."""
        scaled = (pixels.astype(np.float32) - self.low) * np.float32(255 / (self.high - self.low))
        return np.clip(scaled, 0, 255, dtype=np.float32)

    def apply(
        self,
        images: Integer[np.ndarray, "slice y x"],
        padding: Bool[np.ndarray, "slice y x"],
    ) -> tuple[Float32[np.ndarray, "slice y x"], Float32[np.ndarray, " slice"]]:
        """Network input, and per image the value that fills what augmentation shifts in.

        Zero-centre fills with grey level 0, as MATLAB does; z-score with the image's mean. Padding
        holds the fill value. A constant image gives zeros.
        """
        inputs = np.empty(images.shape, np.float32)
        fill = np.full(len(images), -self.mean if self.kind == "zero-centre" else 0, np.float32)
        for rows in _chunks(len(images)):
            if self.kind == "zero-centre":
                inputs[rows] = self.grey(images[rows]) - np.float32(self.mean)
            else:
                inputs[rows] = _z_score(images[rows], ~padding[rows])
        np.copyto(inputs, fill[:, None, None], where=padding)
        return inputs, fill


def _z_score(
    images: Integer[np.ndarray, "slice y x"], valid: Bool[np.ndarray, "slice y x"]
) -> Float32[np.ndarray, "slice y x"]:
    pixels = images.astype(np.float64)
    count = np.maximum(valid.sum((1, 2), keepdims=True), 1)
    centred = pixels - (pixels * valid).sum((1, 2), keepdims=True) / count
    spread = np.sqrt((centred**2 * valid).sum((1, 2), keepdims=True) / count)
    return (centred / np.where(spread > 0, spread, 1)).astype(np.float32)


def _chunks(length: int) -> Iterator[slice]:
    for start in range(0, length, _ROWS_AT_ONCE):
        yield slice(start, start + _ROWS_AT_ONCE)
