"""Augmentation as the paper did it: left-right flips and shifts, drawn first, applied second.

Drawn per image from (seed, epoch, image), so that any process can draw any image's share.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8

from myosweep.config import Augmentation
from myosweep.randomness import stream
from myosweep.regions import NO_REGION


@dataclass(frozen=True)
class Change:
    """One image's draw: flipped or not, then moved right by ``x_px`` and down by ``y_px``."""

    flip: bool
    x_px: float
    y_px: float


def draw_change(augmentation: Augmentation, seed: int, epoch: int, image: int) -> Change:
    """The change of one image in one epoch."""
    flip, x, y = stream(seed, "augmentation", epoch, image).random(3)
    reach = augmentation.shift_px
    return Change(
        bool(flip < augmentation.flip),
        float((2 * x - 1) * reach),
        float((2 * y - 1) * reach),
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
        new_images[n] = _shift_linear(image, change, fill[n])
        new_references[n] = _shift_nearest(reference, change)
    return new_images, new_references


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
