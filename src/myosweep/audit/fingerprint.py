"""Perceptual hashes of all slices, and the pairs of slices whose hashes are close."""

from collections.abc import Iterator
from dataclasses import dataclass

import imagehash
import numpy as np
from jaxtyping import Bool, Int64, Shaped, UInt8, UInt64
from PIL import Image

from myosweep.audit.greys import is_constant, percentiles
from myosweep.audit.measure import CHUNK
from myosweep.audit.records import Progress
from myosweep.data.store import Dataset

HASH_SIDE = 12
"""The hash has 12 x 12 = 144 bits. On real slices, 64 bits did not keep different patients apart
from copies that were shifted by 3 pixels; 256 bits reacted to the shift itself."""
_HASHED = 4 * HASH_SIDE
_WORDS = 3
_BLOCK = 1024
"""Slices compared with as many others at once: some 30 MB."""
_WINDOW = (0.5, 99.5)


@dataclass(frozen=True, eq=False)
class Fingerprints:
    """A perceptual hash for each slice.

    Attributes:
        words, mirrored: hashes of the images, and of the images turned left to right.
        constant: images that show nothing; their hashes mean nothing.
    """

    words: UInt64[np.ndarray, "slice 3"]
    mirrored: UInt64[np.ndarray, "slice 3"] | None
    constant: Bool[np.ndarray, " slice"]


def grey_image(
    image: Shaped[np.ndarray, "y x"], padding: Bool[np.ndarray, "y x"]
) -> UInt8[np.ndarray, "y x"]:
    """The image on 0..255, whatever its brightness and contrast; padding is mid-grey of it."""
    valid = image[~padding]
    if not valid.size:
        return np.zeros(image.shape, np.uint8)
    low, high = percentiles(valid, _WINDOW)
    scaled = (image.astype(np.float32) - np.float32(low)) * np.float32(255 / max(high - low, 1e-6))
    grey = np.clip(scaled, 0, 255).astype(np.uint8)
    if padding.any():
        grey[padding] = int(np.median(grey[~padding]))
    return grey


def fingerprints(
    dataset: Dataset, *, mirrored: bool = True, progress: Progress | None = None
) -> Fingerprints:
    """Hash every slice, a few at a time."""
    words = np.zeros((len(dataset), _WORDS), np.uint64)
    turned = np.zeros((len(dataset), _WORDS), np.uint64) if mirrored else None
    constant = np.zeros(len(dataset), bool)
    for start in range(0, len(dataset), CHUNK):
        rows = slice(start, start + CHUNK)
        images, padding = np.asarray(dataset.images[rows]), dataset.padding(rows)
        for number, (image, outside) in enumerate(zip(images, padding, strict=True), start):
            constant[number] = is_constant(image[~outside])
            grey = grey_image(image, outside)
            small = smaller(grey)
            words[number] = hash_grey(small)
            if turned is not None:
                turned[number] = hash_grey(small[:, ::-1])
            if progress:
                progress(number + 1, len(dataset))
    return Fingerprints(words, turned, constant)


def smaller(grey: UInt8[np.ndarray, "y x"]) -> UInt8[np.ndarray, "48 48"]:
    """The image at the size at which it is hashed; it has the same hash."""
    return np.asarray(Image.fromarray(grey).resize((_HASHED,) * 2, Image.Resampling.LANCZOS))


def hash_grey(grey: UInt8[np.ndarray, "y x"]) -> UInt64[np.ndarray, " 3"]:
    """The perceptual hash of a grey image as three words; equal images, equal words."""
    bits = imagehash.phash(Image.fromarray(np.ascontiguousarray(grey)), HASH_SIDE).hash
    packed = np.zeros(_WORDS * 8, np.uint8)
    packed[: bits.size // 8] = np.packbits(bits.ravel())
    return packed.view(np.uint64)


def close_pairs(
    one: UInt64[np.ndarray, "slice 3"], other: UInt64[np.ndarray, "slice 3"], most_bits: int
) -> Iterator[Int64[np.ndarray, "pair 2"]]:
    """All pairs i < j with at most so many different bits between ``one[i]`` and ``other[j]``.

    Every pair is compared, block by block, so memory does not grow with the number of slices. Time
    grows with its square: about 10 s for 30,000 slices, 2 min for 100,000 on one core.
    """
    for top in range(0, len(one), _BLOCK):
        for left in range(top, len(other), _BLOCK):
            rows, columns = one[top : top + _BLOCK], other[left : left + _BLOCK]
            bits = np.zeros((len(rows), len(columns)), np.uint8)
            for word in range(_WORDS):
                bits += np.bitwise_count(rows[:, None, word] ^ columns[None, :, word])
            i, j = np.nonzero(bits <= most_bits)
            pairs = np.stack([i + top, j + left], axis=1)
            if len(pairs := pairs[pairs[:, 0] < pairs[:, 1]]):
                yield pairs
