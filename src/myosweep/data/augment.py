"""Augmentation: the paper's left-right flips and shifts, and more; drawn first, applied second.

Drawn per image from (seed, epoch, image), so that any process can draw any image's share.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float32, UInt8

from myosweep.config import Augmentation
from myosweep.randomness import stream
from myosweep.regions import NO_REGION


@dataclass(frozen=True)
class Change:
    """One image's draw.

    Flipped or not; turned by ``turn_deg`` and made ``size`` times as large about its centre; moved
    right by ``x_px`` and down by ``y_px``; then its grey levels change.
    """

    flip: bool
    x_px: float
    y_px: float
    turn_deg: float = 0.0
    size: float = 1.0
    gamma: float = 1.0
    contrast: float = 1.0
    brightness: float = 0.0

    @property
    def moves_only(self) -> bool:
        return self.turn_deg == 0 and self.size == 1

    @property
    def keeps_grey(self) -> bool:
        return (self.gamma, self.contrast, self.brightness) == (1, 1, 0)


def draw_change(augmentation: Augmentation, seed: int, epoch: int, image: int) -> Change:
    """The change of one image in one epoch."""
    flip, *others = stream(seed, "augmentation", epoch, image).random(8)
    x, y, turn, size, gamma, contrast, brightness = (2 * float(one) - 1 for one in others)
    reach, grey = augmentation.shift_px, augmentation.intensity
    return Change(
        bool(flip < augmentation.flip),
        x * reach,
        y * reach,
        turn * augmentation.rotation_deg,
        (1 + augmentation.scale) ** size,
        (1 + grey) ** gamma,
        (1 + grey) ** contrast,
        grey * brightness,
    )


def apply_changes(
    images: Float32[np.ndarray, "image y x"],
    references: UInt8[np.ndarray, "image y x"],
    fill: Float32[np.ndarray, " image"],
    changes: Sequence[Change],
) -> tuple[Float32[np.ndarray, "image y x"], UInt8[np.ndarray, "image y x"]]:
    """Changed copies: images linearly interpolated and filled, labels nearest neighbour.

    Label pixels that are shifted in become ``NO_REGION``, which training ignores.
    """
    new_images, new_references = np.empty_like(images), np.empty_like(references)
    for n, change in enumerate(changes):
        image, reference = images[n], references[n]
        if change.flip:
            image, reference = image[:, ::-1], reference[:, ::-1]
        if change.moves_only:
            new_images[n] = _shift_linear(image, change, fill[n])
            new_references[n] = _shift_nearest(reference, change)
        else:
            new_images[n] = _warp(image, change, 1, float(fill[n]))
            new_references[n] = _warp(reference, change, 0, float(NO_REGION))
        if not change.keeps_grey:
            new_images[n] = _regrey(new_images[n], change)
    return new_images, new_references


def _warp(pixels: np.ndarray, change: Change, order: Literal[0, 1], fill: float) -> np.ndarray:
    """Turned, resized and moved in one interpolation of this order."""
    from scipy.ndimage import affine_transform

    turn = np.deg2rad(change.turn_deg)
    cos, sin = np.cos(turn) / change.size, np.sin(turn) / change.size
    back = np.array([[cos, sin], [-sin, cos]])  # from new (y, x) to old, about the centre
    centre = (np.array(pixels.shape) - 1) / 2
    offset = centre - back @ (centre + np.array([change.y_px, change.x_px]))
    warped = np.empty_like(pixels)
    affine_transform(
        pixels, back, offset, output=warped, order=order, mode="grid-constant", cval=fill
    )
    return warped


def _regrey(image: np.ndarray, change: Change) -> np.ndarray:
    """Gamma between the image's lowest and highest grey level, then contrast and brightness."""
    low, reach = image.min(), np.ptp(image)
    if not reach:
        return image
    curved = low + reach * ((image - low) / reach) ** np.float32(change.gamma)
    mean, spread = curved.mean(), curved.std()
    changed = mean + (curved - mean) * change.contrast + change.brightness * spread
    return np.asarray(changed, np.float32)


def _shift_linear(image: np.ndarray, change: Change, fill: np.float32) -> np.ndarray:
    """Each pixel is the mean of the four that it came from, weighted by nearness."""
    whole_y, whole_x = int(np.floor(change.y_px)), int(np.floor(change.x_px))
    part_y, part_x = np.float32(change.y_px - whole_y), np.float32(change.x_px - whole_x)
    height, width = image.shape
    wide = _moved(image, whole_y, whole_x, fill, height + 1, width + 1)
    rows = wide[1:] * (1 - part_y) + wide[:-1] * part_y
    return rows[:, 1:] * (1 - part_x) + rows[:, :-1] * part_x


def _shift_nearest(reference: np.ndarray, change: Change) -> np.ndarray:
    y, x = (int(np.floor(shift + 0.5)) for shift in (change.y_px, change.x_px))
    return _moved(reference, y, x, np.uint8(NO_REGION), *reference.shape)


def _moved(
    pixels: np.ndarray, y: int, x: int, fill: np.generic, height: int, width: int
) -> np.ndarray:
    """Pixels moved down by ``y`` and right by ``x``, seen in the last ``height`` x ``width``.

    A frame that is one pixel larger than the image shows one more row above and column left.
    """
    old_height, old_width = pixels.shape
    moved = np.full((height, width), fill, pixels.dtype)
    y, x = y + height - old_height, x + width - old_width
    y0, y1 = max(y, 0), min(y + old_height, height)
    x0, x1 = max(x, 0), min(x + old_width, width)
    if y0 < y1 and x0 < x1:
        moved[y0:y1, x0:x1] = pixels[y0 - y : y1 - y, x0 - x : x1 - x]
    return moved
