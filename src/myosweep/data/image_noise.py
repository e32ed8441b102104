"""Worse image quality, made on purpose, to see what it does to training.

Drawn from (seed, position of the slice), so that an image stays the same over the epochs and for
all values of a sweep. Images keep their integer type; values are rounded and cut at its range.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Integer
from scipy import ndimage

from myosweep.config import Images
from myosweep.randomness import stream

Image = Float[np.ndarray, "y x"]


def spoil_images(
    images: Integer[np.ndarray, "slice y x"],
    padding: Bool[np.ndarray, "slice y x"],
    rows: np.ndarray,
    settings: Images,
    seed: int,
) -> Integer[np.ndarray, "slice y x"]:
    """Images as ``settings`` makes them worse; the originals stay as they are.

    Args:
        padding: pixels that lie outside of the source image; they keep their value.
        rows: the position of each slice in the dataset, where its noise is drawn from.
        seed: the run's.

    Strength 0 and no slices give the same images.
    """
    spoilt = np.array(images)
    if settings.noise == "none" or settings.strength == 0:
        return spoilt
    change, limits = _CHANGES[settings.noise], np.iinfo(images.dtype)
    for number, row in enumerate(rows):
        rng = stream(seed, "image noise", int(row))
        worse = change(images[number].astype(float), settings.strength, rng)
        rounded = np.clip(np.rint(worse), limits.min, limits.max).astype(images.dtype)
        spoilt[number] = np.where(padding[number], images[number], rounded)
    return spoilt


def _noise(image: Image, share: float, rng: np.random.Generator) -> Image:
    """White Gaussian noise, as in the real part of phase-sensitive images."""
    return image + share * image.std() * rng.standard_normal(image.shape)


def _blur(image: Image, sigma_px: float, rng: np.random.Generator) -> Image:
    return ndimage.gaussian_filter(image, sigma_px, mode="nearest")


def _ghosting(image: Image, strength: float, rng: np.random.Generator) -> Image:
    """A copy half the field of view down: every second line of k-space was taken otherwise."""
    kspace = np.fft.fft(image, axis=0)
    kspace[::2] *= 1 + strength
    kspace[1::2] *= 1 - strength
    return np.fft.ifft(kspace, axis=0).real


def _resolution(image: Image, factor: float, rng: np.random.Generator) -> Image:
    """Only the middle of k-space, 1 / factor of it each way; pixels stay as many."""
    for axis in (0, 1):
        frequency = np.abs(np.fft.fftfreq(image.shape[axis]))
        kept = frequency <= 0.5 / max(factor, 1.0)
        kspace = np.fft.fft(image, axis=axis)
        image = np.fft.ifft(kspace * (kept[:, None] if axis == 0 else kept), axis=axis).real
    return image


_CHANGES: dict[str, Callable[[Image, float, np.random.Generator], Image]] = {
    "noise": _noise,
    "blur": _blur,
    "ghosting": _ghosting,
    "resolution": _resolution,
}
